#include "server/access/call_limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"

namespace atelier::server {

std::string LimitKey(const CallPeer& peer) {
  switch (peer.kind) {
    case CallPeer::Kind::kProcess:
      return absl::StrCat("uid:", peer.uid);
    case CallPeer::Kind::kCertificate:
      return absl::StrCat("certificate:", peer.certificate);
    case CallPeer::Kind::kNobody:
      break;
  }
  // Not by the token: whoever guesses would have a new limit with each guess.
  // The port changes with each connection.
  return absl::StrCat("address:",
                      peer.address.substr(0, peer.address.rfind(':')));
}

CallLimits::CallLimits(const CallLimitOptions& options, const Clock& clock)
    : options_(options), clock_(clock) {}

void CallLimits::Refill(Use* use, absl::Time now) const {
  const double seconds = absl::ToDoubleSeconds(now - use->refilled);
  use->refilled = now;
  // A clock that was set back gives nothing and takes nothing.
  use->tokens =
      std::min(options_.burst, use->tokens + std::max(0.0, seconds) *
                                                 options_.calls_per_second);
}

void CallLimits::Sweep(absl::Time now) {
  for (auto it = uses_.begin(); it != uses_.end();) {
    Refill(&it->second, now);
    const bool is_idle =
        it->second.streams == 0 && it->second.tokens >= options_.burst;
    it = is_idle ? uses_.erase(it) : std::next(it);
  }
  sweep_at_ = std::max<size_t>(1024, 2 * uses_.size());
}

CallLimits::Use& CallLimits::UseOf(const std::string& key, absl::Time now) {
  auto known = uses_.find(key);
  if (known != uses_.end()) return known->second;
  if (uses_.size() >= sweep_at_) Sweep(now);
  return uses_[key] = {options_.burst, now, 0};
}

absl::Status CallLimits::TakeCall(const std::string& key) {
  if (options_.calls_per_second <= 0) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  Use& use = UseOf(key, now);
  Refill(&use, now);
  if (use.tokens >= 1) {
    use.tokens -= 1;
    return absl::OkStatus();
  }
  return MakeQuotaError(
      {reasons::kTooManyCalls, key,
       absl::StrCat("more than ", options_.calls_per_second,
                    " calls a second from ", key, "; call more slowly"),
       absl::Seconds((1 - use.tokens) / options_.calls_per_second)});
}

absl::Status CallLimits::BeginStream(const std::string& key) {
  if (options_.max_streams <= 0) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  Use& use = UseOf(key, now);
  if (use.streams < options_.max_streams) {
    ++use.streams;
    return absl::OkStatus();
  }
  return MakeQuotaError({reasons::kTooManyStreams, key,
                         absl::StrCat(use.streams, " streams are open for ",
                                      key, ", which is the most; end one"),
                         absl::ZeroDuration()});
}

void CallLimits::EndStream(const std::string& key) {
  if (options_.max_streams <= 0) return;
  absl::MutexLock lock(&mutex_);
  auto known = uses_.find(key);
  if (known != uses_.end() && known->second.streams > 0)
    --known->second.streams;
}

size_t CallLimits::size() const {
  absl::MutexLock lock(&mutex_);
  return uses_.size();
}

}  // namespace atelier::server
