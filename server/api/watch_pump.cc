#include <utility>

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/api/job_pumps.h"

namespace atelier::server {
namespace {

// Events of one pump: bounds what a slow client keeps in memory.
constexpr size_t kWatchBatch = 64;

class WatchPump : public Pump<v1::WatchJobResponse> {
 public:
  WatchPump(std::unique_ptr<EventWatcher> watcher, absl::Duration heartbeat)
      : watcher_(std::move(watcher)), heartbeat_(heartbeat) {}

  Pumped<v1::WatchJobResponse> Next(bool idled) override {
    auto events = watcher_->Next(kWatchBatch);
    if (!events.ok())
      return EndWith<v1::WatchJobResponse>(std::move(events).status());
    Pumped<v1::WatchJobResponse> result;
    int64_t last_sequence = watcher_->last_sequence();
    for (v1::Event& event : *events) {
      v1::WatchJobResponse& message = result.messages.emplace_back();
      *message.mutable_event() = std::move(event);
      message.set_last_sequence(last_sequence);
    }
    if (watcher_->is_finished()) {
      result.end = absl::OkStatus();
    } else if (!events->empty()) {
      is_waiting_ = false;
    } else if (idled || !is_waiting_) {
      // Once when the waiting begins, so that the client knows it is live.
      is_waiting_ = true;
      result.messages.emplace_back().set_last_sequence(last_sequence);
    }
    result.idle = heartbeat_;
    return result;
  }

 private:
  const std::unique_ptr<EventWatcher> watcher_;
  const absl::Duration heartbeat_;
  bool is_waiting_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Pump<v1::WatchJobResponse>>> MakeWatchPump(
    EventBus& bus, const v1::WatchJobRequest& request, absl::Duration heartbeat,
    std::function<void()> wake) {
  if (request.after_sequence() < 0)
    return MakeBadRequest(
        reasons::kInvalidRequest,
        {{"after_sequence", "after_sequence is negative; 0 is the start"}});
  ASSIGN_OR_RETURN(
      auto watcher,
      bus.Watch(request.id(), request.after_sequence(), std::move(wake)));
  return std::make_unique<WatchPump>(std::move(watcher), heartbeat);
}

}  // namespace atelier::server
