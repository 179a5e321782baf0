#include "server/schedule/plan.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/schedule/placement.h"
#include "server/schedule/preemption.h"
#include "server/schedule/quota.h"
#include "server/schedule/standing.h"

namespace atelier::server {
namespace {

// How many jobs of one lane are tried for backfill in one look.
constexpr int kBackfillDepth = 100;

// A lane and how far it was gone through.
struct Cursor {
  Place place;
  const Lane* lane = nullptr;
  std::map<Turn, const QueuedJob*>::const_iterator next;
  int tried = 0;
  // Its jobs may only pass others.
  bool is_held_up = false;

  const QueuedJob& job() const { return *next->second; }
};

// The first of a priority_queue is the greatest.
struct ComesLater {
  bool operator()(const Cursor& a, const Cursor& b) const {
    return b.place < a.place;
  }
};

class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input),
        standing_(input.queue, input.ledger, input.rules.starvation_limit,
                  input.now),
        placement_(input.devices, input.queue, input.rules.stop_margin,
                   input.now),
        quotas_(input),
        window_(NextMaintenance(input.rules, input.now)) {
    host_.total_bytes = input.host_memory_bytes;
    for (const auto& [turn, job] : input.queue.running())
      host_.reserved_bytes += job->request.host_memory_bytes;
  }

  Plan Run() {
    if (window_ != nullptr)
      LookAgain(window_->start > input_.now ? window_->start : window_->end);
    for (const Lane* lane : input_.queue.Lanes()) {
      lanes_.push({standing_.PlaceOf(*lane->jobs.begin()->second), lane,
                   lane->jobs.begin(), 0, false});
    }
    while (!lanes_.empty()) {
      Cursor cursor = lanes_.top();
      lanes_.pop();
      // Starts since it was pushed may have moved it back.
      const Place place = standing_.PlaceOf(cursor.job());
      if (cursor.place < place) {
        cursor.place = place;
        lanes_.push(std::move(cursor));
      } else if (Consider(cursor)) {
        Advance(std::move(cursor));
      }
    }
    return std::move(plan_);
  }

 private:
  void LookAgain(absl::Time when) {
    if (when > input_.now) plan_.look_again = std::min(plan_.look_again, when);
  }

  void Advance(Cursor cursor) {
    if (++cursor.next == cursor.lane->jobs.end()) return;
    cursor.place = standing_.PlaceOf(cursor.job());
    lanes_.push(std::move(cursor));
  }

  // Says why the first of a lane waits.
  void Wait(const Cursor& cursor, v1::JobReason reason, std::string message,
            absl::Time reserved = absl::InfiniteFuture()) {
    plan_.waits.push_back(
        {cursor.job().id, reason, std::move(message), reserved});
  }
  bool MustTell(const Cursor& cursor, v1::JobReason reason) const {
    return cursor.next == cursor.lane->jobs.begin() &&
           (input_.explain_all || cursor.job().reason != reason);
  }

  // What keeps the whole lane from starting; false: nothing does.
  bool IsClosed(const Cursor& cursor) {
    const auto close = [&](v1::JobReason reason, const std::string& message) {
      if (MustTell(cursor, reason)) Wait(cursor, reason, message);
      return true;
    };
    if (input_.draining)
      return close(v1::JOB_REASON_DRAINING,
                   input_.drain_message.empty()
                       ? "the daemon starts no jobs now"
                       : absl::StrCat("the daemon starts no jobs now: ",
                                      input_.drain_message));
    if (input_.disk_low)
      return close(v1::JOB_REASON_DISK_LOW,
                   "the daemon's state folder has too little free space");
    if (window_ != nullptr && window_->start <= input_.now)
      return close(
          v1::JOB_REASON_MAINTENANCE,
          absl::StrCat("maintenance until ",
                       absl::FormatTime(window_->end, absl::UTCTimeZone()),
                       ": ", window_->message));
    const QueuedJob& job = cursor.job();
    const bool sweep_is_full =
        job.sweep_running > 0 &&
        input_.queue.SweepRunning(job.sweep) + started_of_sweep_[job.sweep] >=
            job.sweep_running;
    if (sweep_is_full)
      return close(v1::JOB_REASON_SWEEP_LIMIT,
                   absl::StrCat(job.sweep_running,
                                " jobs of its sweep run, as many as may"));
    const QuotaUse over = quotas_.Exceeded(job);
    if (!over.is_exceeded) return false;
    LookAgain(over.look_again);
    return close(v1::JOB_REASON_QUOTA, over.message);
  }

  // The window begins before the job would have ended.
  bool RunsIntoMaintenance(const QueuedJob& job) const {
    return window_ != nullptr &&
           job.request.time_limit != absl::InfiniteDuration() &&
           input_.now + job.request.time_limit + input_.rules.stop_margin >
               window_->start;
  }

  // Starts the job of the cursor or finds why not. False: nothing more of the
  // lane can start.
  bool Consider(Cursor& cursor) {
    if (IsClosed(cursor)) return false;
    const QueuedJob& job = cursor.job();
    if (RunsIntoMaintenance(job)) {
      if (MustTell(cursor, v1::JOB_REASON_MAINTENANCE))
        Wait(cursor, v1::JOB_REASON_MAINTENANCE,
             absl::StrCat(
                 "would run into the maintenance at ",
                 absl::FormatTime(window_->start, absl::UTCTimeZone())));
      return ++cursor.tried < kBackfillDepth;
    }
    if (HasHostMemory(host_, job.request)) {
      JobStart start;
      start.job = job.id;
      start.devices = placement_.Take(job.request, job.request.time_limit,
                                      &start.is_backfill);
      if (!start.devices.empty()) {
        Start(job, std::move(start));
        return true;
      }
    }
    if (!cursor.is_held_up) HoldUp(cursor);
    cursor.is_held_up = true;
    return ++cursor.tried < kBackfillDepth && placement_.MayTake(job.request);
  }

  void Start(const QueuedJob& job, JobStart start) {
    const int devices = static_cast<int>(start.devices.size());
    host_.reserved_bytes += job.request.host_memory_bytes;
    standing_.Charge(job.account, devices);
    quotas_.Charge(job.account, devices);
    if (!job.sweep.empty()) ++started_of_sweep_[job.sweep];
    plan_.starts.push_back(std::move(start));
  }

  // The first of a lane has to wait for devices.
  void HoldUp(const Cursor& cursor) {
    const QueuedJob& job = cursor.job();
    // One that can never start holds nobody back.
    const std::string never = WhyNever(input_.devices, job.request);
    if (!never.empty()) {
      if (MustTell(cursor, v1::JOB_REASON_RESOURCES))
        Wait(cursor, v1::JOB_REASON_RESOURCES, never);
      return;
    }
    const bool has_memory = HasHostMemory(host_, job.request);
    const Placement::Reservation* reservation =
        placement_.Reserve(job.request, input_.rules.backfill && has_memory);
    if (reservation == nullptr) {
      if (MustTell(cursor, v1::JOB_REASON_PRIORITY))
        Wait(cursor, v1::JOB_REASON_PRIORITY, "earlier jobs come first");
      return;
    }
    if (plan_.first_waiting == 0) {
      plan_.first_waiting = job.id;
      plan_.first_start = reservation->start;
    }
    TellWait(cursor, *reservation, has_memory);
    if (!input_.rules.preemption || !has_memory) return;
    Victims victims = ChooseVictims(placement_, *reservation, job,
                                    input_.rules.min_run, input_.now);
    LookAgain(victims.look_again);
    for (const JobId victim : victims.jobs) {
      const Preemption preemption = {victim, job.id};
      plan_.preemptions.push_back(preemption);
    }
  }

  void TellWait(const Cursor& cursor, const Placement::Reservation& reservation,
                bool has_memory) {
    // The reason is a small matter, its message not.
    const bool is_plain = cursor.job().reason == v1::JOB_REASON_RESOURCES;
    if (is_plain && !input_.explain_all) return;
    if (cursor.next != cursor.lane->jobs.begin()) return;
    const JobRequest& request = cursor.job().request;
    if (!has_memory) {
      return Wait(cursor, v1::JOB_REASON_RESOURCES,
                  absl::StrCat("waits for ", GibText(request.host_memory_bytes),
                               " of the machine's memory to be free"));
    }
    DeviceWait wait = WhyNotNow(placement_.Marked(), request);
    if (MustTell(cursor, wait.reason))
      Wait(cursor, wait.reason, std::move(wait.message), reservation.start);
  }

  const PlanInput& input_;
  Standing standing_;
  Placement placement_;
  QuotaState quotas_;
  const MaintenanceWindow* const window_;
  HostMemory host_;
  std::map<std::string, int> started_of_sweep_;
  std::priority_queue<Cursor, std::vector<Cursor>, ComesLater> lanes_;
  Plan plan_;
};

}  // namespace

const MaintenanceWindow* NextMaintenance(const ScheduleRules& rules,
                                         absl::Time now) {
  const MaintenanceWindow* next = nullptr;
  for (const MaintenanceWindow& window : rules.maintenance) {
    if (window.end <= now) continue;
    if (next == nullptr || window.start < next->start) next = &window;
  }
  return next;
}

Plan MakePlan(const PlanInput& input) { return Planner(input).Run(); }

}  // namespace atelier::server
