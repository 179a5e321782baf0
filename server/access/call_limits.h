// How much one client may ask for: calls a second and open streams, counted by
// what is known of it without waiting for anything.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/access/caller.h"
#include "server/jobs/clock.h"

namespace atelier::server {

struct CallLimitOptions {
  // Each a user's; 0: no limit.
  double calls_per_second = 0;
  // Calls that may come at once after a pause; at least 1.
  double burst = 1;
  int max_streams = 0;
};

// `uid:1000`, `certificate:ana` or `address:…`.
std::string LimitKey(const CallPeer& peer);

// Threads: any. Does not block.
class CallLimits {
 public:
  // `clock` outlives it.
  CallLimits(const CallLimitOptions& options, const Clock& clock);

  // One more call. Errors: RESOURCE_EXHAUSTED, TOO_MANY_CALLS, with the time
  // after which there is room.
  absl::Status TakeCall(const std::string& key);
  // One more stream, until EndStream. Errors: RESOURCE_EXHAUSTED,
  // TOO_MANY_STREAMS.
  absl::Status BeginStream(const std::string& key);
  void EndStream(const std::string& key);

  // Keys that are remembered: bounded by who called lately.
  size_t size() const;

 private:
  struct Use {
    double tokens = 0;
    absl::Time refilled;
    int streams = 0;
  };

  void Refill(Use* use, absl::Time now) const;
  // Forgets those whose bucket is full again.
  void Sweep(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Use& UseOf(const std::string& key, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallLimitOptions options_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Use> uses_ ABSL_GUARDED_BY(mutex_);
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = 1024;
};

}  // namespace atelier::server
