#include "server/schedule/explain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/schedule/estimate.h"
#include "server/schedule/standing.h"

namespace atelier::server {
namespace {

const char* HowItMustEnd(v1::Dependency::Condition condition) {
  switch (condition) {
    case v1::Dependency::CONDITION_ANY:
      return " to end";
    case v1::Dependency::CONDITION_FAIL:
      return " to fail";
    default:
      return " to succeed";
  }
}

// Jobs that come before this one, in order, and the job itself, last.
std::vector<const QueuedJob*> LineTo(const PlanInput& input,
                                     const QueuedJob& job) {
  const Standing standing(input.queue, input.ledger,
                          input.rules.starvation_limit, input.now);
  const Place own = standing.PlaceOf(job);
  std::vector<std::pair<Place, const QueuedJob*>> before;
  for (const Lane* lane : input.queue.Lanes()) {
    for (const auto& [turn, other] : lane->jobs) {
      const Place place = standing.PlaceOf(*other);
      if (place < own) before.emplace_back(place, other);
    }
  }
  std::sort(before.begin(), before.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const QueuedJob*> line;
  for (const auto& [place, other] : before) line.push_back(other);
  line.push_back(&job);
  return line;
}

// Running jobs that hold what this one could use.
std::vector<JobId> Holders(const PlanInput& input, const QueuedJob& job) {
  std::vector<JobId> holders;
  for (const auto& [turn, other] : input.queue.running()) {
    const bool holds = std::any_of(
        input.devices.begin(), input.devices.end(),
        [&, held = other](const DeviceState& device) {
          return Fits(device, job.request) &&
                 std::find(held->devices.begin(), held->devices.end(),
                           device.id) != held->devices.end();
        });
    if (holds) holders.push_back(other->id);
  }
  return holders;
}

Explanation NotInLine(const PlanInput& input, const QueuedJob& job) {
  Explanation why;
  why.basis = "it is not in line";
  if (job.state == v1::JOB_STATE_HELD) {
    why.reason = job.reason;
    why.causes.push_back("it is held; release it to have it started");
  }
  for (const AwaitedJob& awaited : input.queue.AwaitedBy(job.id)) {
    if (why.causes.empty()) why.reason = v1::JOB_REASON_DEPENDENCY;
    why.causes.push_back(absl::StrCat("waits for job ", awaited.job,
                                      HowItMustEnd(awaited.condition)));
    why.blocking_jobs.push_back(awaited.job);
  }
  if (job.not_before > input.now) {
    if (why.causes.empty()) why.reason = v1::JOB_REASON_BACKOFF;
    why.causes.push_back(
        absl::StrCat("an attempt failed; it is not started again before ",
                     absl::FormatTime(job.not_before, absl::UTCTimeZone())));
  }
  if (why.causes.empty()) {
    why.reason = v1::JOB_REASON_DEPENDENCY_FAILED;
    why.causes.push_back("a job that it waited for ended otherwise");
  }
  return why;
}

// What keeps the job's lane from starting; null: nothing that the plan tells.
const JobWait* WaitOfLane(const Plan& plan, const Lane& lane) {
  const JobId first = lane.jobs.begin()->second->id;
  for (const JobWait& wait : plan.waits) {
    if (wait.job == first) return &wait;
  }
  return nullptr;
}

}  // namespace

Explanation ExplainWait(const PlanInput& input, const QueuedJob& job,
                        const std::map<JobId, absl::Time>& ends) {
  const Lane* lane = input.queue.LaneOf(job.id);
  if (lane == nullptr) return NotInLine(input, job);
  PlanInput asked = input;
  asked.explain_all = true;
  const Plan plan = MakePlan(asked);
  Explanation why;
  const std::vector<const QueuedJob*> line = LineTo(input, job);
  why.jobs_ahead = static_cast<int64_t>(line.size()) - 1;
  const JobWait* wait = WaitOfLane(plan, *lane);
  const bool is_first = lane->jobs.begin()->second->id == job.id;
  if (wait != nullptr &&
      (is_first || wait->reason != v1::JOB_REASON_RESOURCES)) {
    why.reason = wait->reason;
    why.causes.push_back(wait->message);
  }
  const bool is_first_of_all = why.jobs_ahead == 0;
  if (!is_first_of_all) {
    if (why.causes.empty()) why.reason = v1::JOB_REASON_PRIORITY;
    why.causes.push_back(absl::StrCat(
        why.jobs_ahead, why.jobs_ahead == 1 ? " job comes" : " jobs come",
        " before it; the first is job ", line.front()->id));
  }
  if (why.causes.empty()) {
    why.reason = v1::JOB_REASON_PRIORITY;
    why.causes.push_back("it is started with the next look at the queue");
  }
  why.blocking_jobs = Holders(input, job);
  const StartEstimate estimate = EstimateStart(input, line, ends);
  why.start = estimate.start;
  why.basis = estimate.basis;
  if (wait != nullptr && is_first) {
    why.start = std::min(why.start, wait->reserved);
  }
  return why;
}

}  // namespace atelier::server
