#include "server/schedule/job_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "proto/cc/job_state.h"

namespace atelier::server {
namespace {

// What lanes are told apart by besides account and sweep.
std::string ShapeOf(const JobRequest& request) {
  return absl::StrCat(int{request.kind}, "/", request.count, "/",
                      request.min_vram_bytes, "/", request.host_memory_bytes,
                      "/", request.model);
}

bool IsMet(v1::Dependency::Condition condition, v1::JobState state) {
  switch (condition) {
    case v1::Dependency::CONDITION_ANY:
      return true;
    case v1::Dependency::CONDITION_FAIL:
      return state == v1::JOB_STATE_FAILED;
    default:
      return state == v1::JOB_STATE_SUCCEEDED;
  }
}

}  // namespace

Turn TurnOf(const QueuedJob& job) {
  return {job.create_time - job.priority * kPriorityAge, job.id};
}

void JobQueue::Put(QueuedJob job) {
  const JobId id = job.id;
  const v1::JobState state = job.state;
  auto known = jobs_.find(id);
  if (known != jobs_.end()) Remove(*known->second);
  if (IsTerminal(state)) {
    if (known != jobs_.end()) jobs_.erase(known);
    Resolve(id, state);
    return;
  }
  if (known == jobs_.end()) {
    known = jobs_.emplace(id, std::make_unique<Entry>()).first;
  }
  known->second->job = std::move(job);
  Place(*known->second);
}

void JobQueue::Remove(Entry& entry) {
  const QueuedJob& job = entry.job;
  if (entry.lane != nullptr) {
    entry.lane->jobs.erase(TurnOf(job));
    if (entry.lane->jobs.empty()) {
      lanes_.erase({job.account, {job.sweep, ShapeOf(entry.lane->request)}});
    }
    entry.lane = nullptr;
  }
  AccountLoad& load = loads_[job.account];
  if (std::exchange(entry.is_waiting, false)) --load.waiting_jobs;
  backoffs_.erase({job.not_before, job.id});
  doomed_.erase(job.id);
  for (const AwaitedJob& awaited : job.after) {
    const auto [begin, end] = dependents_.equal_range(awaited.job);
    for (auto it = begin; it != end; ++it) {
      if (it->second != job.id) continue;
      dependents_.erase(it);
      break;
    }
  }
  if (running_.erase(TurnOf(job)) == 0) return;
  --load.running_jobs;
  load.running_devices -= static_cast<int>(job.devices.size());
  if (!job.sweep.empty()) --sweep_running_[job.sweep];
}

void JobQueue::Place(Entry& entry) {
  const QueuedJob& job = entry.job;
  AccountLoad& load = loads_[job.account];
  load.last_start = std::max(load.last_start, job.attempt_start);
  if (job.runs()) {
    running_[TurnOf(job)] = &job;
    ++load.running_jobs;
    load.running_devices += static_cast<int>(job.devices.size());
    if (!job.sweep.empty()) ++sweep_running_[job.sweep];
    return;
  }
  ++load.waiting_jobs;
  entry.is_waiting = true;
  for (const AwaitedJob& awaited : job.after) {
    if (!IsTerminal(awaited.state)) dependents_.emplace(awaited.job, job.id);
  }
  if (!IsResolved(entry) || job.state == v1::JOB_STATE_HELD) return;
  if (job.not_before != absl::InfinitePast()) {
    backoffs_.emplace(job.not_before, job.id);
    return;
  }
  JoinLane(entry);
}

bool JobQueue::IsResolved(Entry& entry) {
  bool is_resolved = true;
  for (const AwaitedJob& awaited : entry.job.after) {
    if (!IsTerminal(awaited.state)) {
      is_resolved = false;
    } else if (!IsMet(awaited.condition, awaited.state)) {
      doomed_[entry.job.id] = awaited.job;
      return false;
    }
  }
  return is_resolved;
}

void JobQueue::JoinLane(Entry& entry) {
  const QueuedJob& job = entry.job;
  const LaneKey key = {job.account, {job.sweep, ShapeOf(job.request)}};
  auto [it, is_new] = lanes_.try_emplace(key);
  if (is_new) {
    it->second.account = job.account;
    it->second.sweep = job.sweep;
    it->second.request = job.request;
    it->second.request.time_limit = absl::InfiniteDuration();
  }
  it->second.jobs[TurnOf(job)] = &job;
  entry.lane = &it->second;
  if (job.reason == v1::JOB_REASON_DEPENDENCY) resolved_.push_back(job.id);
}

void JobQueue::Resolve(JobId job, v1::JobState state) {
  std::vector<JobId> waiting;
  const auto [begin, end] = dependents_.equal_range(job);
  for (auto it = begin; it != end; ++it) waiting.push_back(it->second);
  for (const JobId id : waiting) {
    QueuedJob changed = jobs_.at(id)->job;
    for (AwaitedJob& awaited : changed.after) {
      if (awaited.job == job) awaited.state = state;
    }
    Put(std::move(changed));
  }
}

absl::Time JobQueue::Advance(absl::Time now) {
  while (!backoffs_.empty() && backoffs_.begin()->first <= now) {
    Entry& entry = *jobs_.at(backoffs_.begin()->second);
    backoffs_.erase(backoffs_.begin());
    JoinLane(entry);
  }
  return backoffs_.empty() ? absl::InfiniteFuture() : backoffs_.begin()->first;
}

const QueuedJob* JobQueue::Find(JobId job) const {
  const auto it = jobs_.find(job);
  return it == jobs_.end() ? nullptr : &it->second->job;
}

std::vector<const Lane*> JobQueue::Lanes() const {
  std::vector<const Lane*> lanes;
  lanes.reserve(lanes_.size());
  for (const auto& [key, lane] : lanes_) lanes.push_back(&lane);
  return lanes;
}

const Lane* JobQueue::LaneOf(JobId job) const {
  const auto it = jobs_.find(job);
  return it == jobs_.end() ? nullptr : it->second->lane;
}

std::vector<AwaitedJob> JobQueue::AwaitedBy(JobId id) const {
  std::vector<AwaitedJob> awaited;
  const QueuedJob* job = Find(id);
  if (job == nullptr) return awaited;
  for (const AwaitedJob& each : job->after) {
    if (!IsTerminal(each.state)) awaited.push_back(each);
  }
  return awaited;
}

const AccountLoad& JobQueue::LoadOf(const Account& account) const {
  static const AccountLoad& none = *new AccountLoad();
  const auto it = loads_.find(account);
  return it == loads_.end() ? none : it->second;
}

AccountLoad JobQueue::GroupLoad(const std::string& group) const {
  AccountLoad sum;
  for (auto it = loads_.lower_bound({group, ""});
       it != loads_.end() && it->first.group == group; ++it) {
    sum.running_jobs += it->second.running_jobs;
    sum.running_devices += it->second.running_devices;
    sum.waiting_jobs += it->second.waiting_jobs;
  }
  return sum;
}

void JobQueue::NoteUse(const Account& account, absl::Time when) {
  AccountLoad& load = loads_[account];
  load.last_start = std::max(load.last_start, when);
}

int JobQueue::SweepRunning(const std::string& sweep) const {
  const auto it = sweep_running_.find(sweep);
  return it == sweep_running_.end() ? 0 : it->second;
}

}  // namespace atelier::server
