#include "server/api/open_streams.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"

namespace atelier::server {

bool OpenStreams::Add(const std::shared_ptr<OpenStream>& stream) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  streams_[stream.get()] = stream;
  return true;
}

void OpenStreams::Remove(const OpenStream* stream) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void OpenStreams::EndAll() {
  std::map<const OpenStream*, std::weak_ptr<OpenStream>> streams;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    streams.swap(streams_);
  }
  for (const auto& [key, weak] : streams)
    if (std::shared_ptr<OpenStream> stream = weak.lock())
      stream->End(ShuttingDown());
}

absl::Status ShuttingDown() {
  return MakeError(absl::StatusCode::kUnavailable, reasons::kShuttingDown,
                   "the daemon is shutting down; try again");
}

}  // namespace atelier::server
