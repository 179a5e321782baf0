#include "server/schedule/lease.h"

#include <algorithm>

namespace atelier::server {

WorkerLeases::WorkerLeases(const Clock& clock, absl::Duration length,
                           absl::Duration margin)
    : clock_(clock), length_(length), margin_(margin) {}

absl::Time WorkerLeases::Renew(const AttemptId& attempt) {
  const absl::Time until = clock_.Now() + length_;
  absl::MutexLock lock(&mutex_);
  until_[attempt] = until + margin_;
  return until;
}

void WorkerLeases::Drop(const AttemptId& attempt) {
  absl::MutexLock lock(&mutex_);
  until_.erase(attempt);
}

std::vector<AttemptId> WorkerLeases::TakeExpired() {
  const absl::Time now = clock_.Now();
  std::vector<AttemptId> expired;
  absl::MutexLock lock(&mutex_);
  for (auto it = until_.begin(); it != until_.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    expired.push_back(it->first);
    it = until_.erase(it);
  }
  return expired;
}

absl::Time WorkerLeases::NextExpiry() const {
  absl::Time next = absl::InfiniteFuture();
  absl::MutexLock lock(&mutex_);
  for (const auto& [attempt, until] : until_) next = std::min(next, until);
  return next;
}

}  // namespace atelier::server
