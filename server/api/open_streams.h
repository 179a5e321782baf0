// The streams that are open, so that a daemon that goes can end them with a
// word: clients come back by themselves.
#pragma once

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace atelier::server {

class OpenStream {
 public:
  virtual ~OpenStream() = default;

  // Ends the stream with `status`, if it stands. Threads: any.
  virtual void End(const absl::Status& status) = 0;
};

// Threads: any.
class OpenStreams {
 public:
  // False: the daemon is going, the stream should end.
  bool Add(const std::shared_ptr<OpenStream>& stream);
  void Remove(const OpenStream* stream);

  // Ends all of them with UNAVAILABLE, SHUTTING_DOWN, and lets no more begin.
  void EndAll();

 private:
  absl::Mutex mutex_;
  std::map<const OpenStream*, std::weak_ptr<OpenStream>> streams_
      ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// The status that tells clients to come back.
absl::Status ShuttingDown();

}  // namespace atelier::server
