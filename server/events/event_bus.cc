#include "server/events/event_bus.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/job_state.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

bool EndsHistory(const v1::Event& event) {
  return event.has_state() && IsTerminal(event.state().state());
}

}  // namespace

EventWatcher::EventWatcher(EventBus& bus, JobId job, int64_t after,
                           std::function<void()> on_ready)
    : bus_(bus), job_(job), reached_(after), on_ready_(std::move(on_ready)) {}

EventWatcher::~EventWatcher() { bus_.Remove(this); }

absl::StatusOr<std::vector<v1::Event>> EventWatcher::Next(size_t limit) {
  std::vector<v1::Event> events;
  if (is_finished_ || limit == 0) return events;
  if (!bus_.ReadWindow(this, limit, &events)) {
    ASSIGN_OR_RETURN(events, bus_.log_.ReadEvents(job_, reached_, limit));
  }
  if (events.empty()) {
    is_finished_ = bus_.IsPastEnd(this);
    return events;
  }
  reached_ = events.back().sequence();
  is_finished_ = EndsHistory(events.back());
  return events;
}

int64_t EventWatcher::last_sequence() const {
  absl::MutexLock lock(&bus_.mutex_);
  return bus_.channels_.at(job_).last_sequence;
}

bool EventWatcher::WaitReady(absl::Duration timeout) const {
  const auto is_ready = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const EventBus::Channel& channel = bus_.channels_.at(job_);
    return is_finished_ || channel.last_sequence > reached_;
  };
  absl::MutexLock lock(&bus_.mutex_);
  return bus_.mutex_.AwaitWithTimeout(absl::Condition(&is_ready), timeout);
}

EventBus::EventBus(const EventLog& log, size_t window)
    : log_(log), window_(std::max<size_t>(window, 1)) {}

EventBus::~EventBus() = default;

absl::StatusOr<std::unique_ptr<EventWatcher>> EventBus::Watch(
    JobId job, int64_t after, std::function<void()> on_ready) {
  auto watcher = std::unique_ptr<EventWatcher>(new EventWatcher(
      *this, job, std::max<int64_t>(after, 0), std::move(on_ready)));
  {
    // Before the log is read: what is committed from now on arrives here, what
    // was committed before is in the log.
    absl::MutexLock lock(&mutex_);
    channels_[job].watchers.insert(watcher.get());
  }
  ASSIGN_OR_RETURN(const HistoryEnd end, log_.ReadEnd(job));
  int64_t newest = 0;
  {
    absl::MutexLock lock(&mutex_);
    Channel& channel = channels_[job];
    if (end.last_sequence > channel.last_sequence) {
      channel.last_sequence = end.last_sequence;
      channel.is_final = end.is_final;
    }
    newest = channel.last_sequence;
    watcher->is_finished_ = channel.is_final && after == newest;
  }
  if (after <= newest) return watcher;
  return MakeError(
      absl::StatusCode::kOutOfRange, reasons::kSequencePastEnd,
      absl::StrCat("after_sequence is ", after, "; the newest event of job ",
                   job, " is ", newest));
}

size_t EventBus::watcher_count() const {
  absl::MutexLock lock(&mutex_);
  size_t count = 0;
  for (const auto& [job, channel] : channels_) count += channel.watchers.size();
  return count;
}

void EventBus::OnEvents(JobId job, absl::Span<const v1::Event> events) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(job);
  if (found == channels_.end() || events.empty()) return;
  Channel& channel = found->second;
  for (const v1::Event& event : events) {
    // The window is one run of sequences.
    if (!channel.window.empty() &&
        channel.window.back().sequence() + 1 != event.sequence()) {
      channel.window.clear();
    }
    channel.window.push_back(event);
    if (channel.window.size() > window_) channel.window.pop_front();
  }
  channel.last_sequence =
      std::max(channel.last_sequence, events.back().sequence());
  channel.is_final = channel.is_final || EndsHistory(events.back());
  for (EventWatcher* watcher : channel.watchers) {
    if (!std::exchange(watcher->is_armed_, false)) continue;
    if (watcher->on_ready_) watcher->on_ready_();
  }
}

bool EventBus::ReadWindow(EventWatcher* watcher, size_t limit,
                          std::vector<v1::Event>* events) {
  absl::MutexLock lock(&mutex_);
  const Channel& channel = channels_.at(watcher->job_);
  const int64_t next = watcher->reached_ + 1;
  if (next > channel.last_sequence) {
    watcher->is_armed_ = !channel.is_final;
    return true;
  }
  if (channel.window.empty() || channel.window.front().sequence() > next) {
    return false;
  }
  auto from =
      channel.window.begin() + (next - channel.window.front().sequence());
  const auto count = std::min(
      limit, static_cast<size_t>(std::distance(from, channel.window.end())));
  events->assign(from, from + static_cast<ptrdiff_t>(count));
  return true;
}

bool EventBus::IsPastEnd(const EventWatcher* watcher) const {
  absl::MutexLock lock(&mutex_);
  const Channel& channel = channels_.at(watcher->job_);
  return channel.is_final && watcher->reached_ >= channel.last_sequence;
}

void EventBus::Remove(EventWatcher* watcher) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(watcher->job_);
  if (found == channels_.end()) return;
  found->second.watchers.erase(watcher);
  if (found->second.watchers.empty()) channels_.erase(found);
}

}  // namespace atelier::server
