// Carries a job's events to whoever watches it: first those of the past from
// the log, then those that come, in order, each once.
//
// The bus keeps the newest events of watched jobs in a bounded window. A
// watcher remembers only the sequence it has reached: what is in the window
// comes from memory, what is older from the log. So a slow watcher costs
// nothing, misses nothing, and never holds the writer up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "atelier/v1/event.pb.h"
#include "server/jobs/event_log.h"
#include "server/jobs/job.h"

namespace atelier::server {

class EventBus;

// One reader of one job's events. Not for several threads at once, except
// where said. Must be destroyed before its bus.
class EventWatcher {
 public:
  ~EventWatcher();
  EventWatcher(const EventWatcher&) = delete;
  EventWatcher& operator=(const EventWatcher&) = delete;

  // The next events, at most `limit`, oldest first. Empty: all was read; then
  // `on_ready` is called once when more is there (or the watch is finished).
  // Blocks: reads the disk where the events are not in the window.
  absl::StatusOr<std::vector<v1::Event>> Next(size_t limit);

  // The event of a terminal state was read (or lies before the start): nothing
  // follows.
  bool is_finished() const { return is_finished_; }

  // The newest sequence that is known. Threads: any.
  int64_t last_sequence() const;

  // Waits until Next has something, or the watch is finished; false: the time
  // ran out first.
  bool WaitReady(absl::Duration timeout) const;

 private:
  friend class EventBus;
  EventWatcher(EventBus& bus, JobId job, int64_t after,
               std::function<void()> on_ready);

  EventBus& bus_;
  const JobId job_;
  // Sequence of the newest event read; only the reader touches it.
  int64_t reached_;
  bool is_finished_ = false;
  const std::function<void()> on_ready_;
  // Guarded by the bus's mutex: the reader is waiting to be called.
  bool is_armed_ = false;
};

class EventBus : public EventListener {
 public:
  // `log` outlives the bus. `window` events are kept for each watched job.
  explicit EventBus(const EventLog& log, size_t window = 256);
  ~EventBus() override;

  // Watches a job from the event after `after` on. Call Next until it gives
  // nothing; from then on `on_ready` says when to call it again. `on_ready`
  // runs on the writer thread with the bus locked: it must only hand over,
  // never call Next or destroy the watcher itself. It may be null. Threads:
  // any. Blocks: one read of the log. Errors: NOT_FOUND, JOB_NOT_FOUND;
  // OUT_OF_RANGE, SEQUENCE_PAST_END: `after` is above the newest event.
  absl::StatusOr<std::unique_ptr<EventWatcher>> Watch(
      JobId job, int64_t after, std::function<void()> on_ready);

  // How many watchers there are. Threads: any.
  size_t watcher_count() const;

  void OnEvents(JobId job, absl::Span<const v1::Event> events) override;

 private:
  friend class EventWatcher;

  // A watched job.
  struct Channel {
    std::set<EventWatcher*> watchers;
    std::deque<v1::Event> window;
    int64_t last_sequence = 0;
    bool is_final = false;
  };

  // The watcher's next events from the window. None, when it has read all: it
  // is then armed. False: they are older, the log has them.
  bool ReadWindow(EventWatcher* watcher, size_t limit,
                  std::vector<v1::Event>* events);
  bool IsPastEnd(const EventWatcher* watcher) const;
  void Remove(EventWatcher* watcher);

  const EventLog& log_;
  const size_t window_;
  mutable absl::Mutex mutex_;
  std::map<JobId, Channel> channels_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
