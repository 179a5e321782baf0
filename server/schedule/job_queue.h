// Every job that has not ended, in memory: who waits, in which order, for what;
// who runs. Fed with rows of the store; knows no clock and no devices.
//
// Jobs of one account that need the same of the machine (but for time limits)
// and belong to the same sweep stand in one lane, in order of their rank. So
// what keeps the first of a lane from starting keeps all of it, and choosing
// the next job looks at lanes, not at jobs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "server/jobs/queued_job.h"

namespace atelier::server {

// Within an account a point of priority is worth that much waiting, so that
// its low jobs come to their turn; between accounts priority is strict.
inline constexpr absl::Duration kPriorityAge = absl::Hours(24);

// Order within an account: when it was submitted, less its priority's worth.
struct Turn {
  absl::Time rank = absl::InfinitePast();
  JobId job = 0;

  bool operator==(const Turn&) const = default;
  bool operator<(const Turn& other) const {
    return rank != other.rank ? rank < other.rank : job < other.job;
  }
};
Turn TurnOf(const QueuedJob& job);

struct AccountLoad {
  int running_jobs = 0;
  int running_devices = 0;
  int64_t waiting_jobs = 0;
  // The newest start of one of its jobs.
  absl::Time last_start = absl::InfinitePast();
};

struct Lane {
  Account account;
  std::string sweep;
  // Of all its jobs, but for the time limit.
  JobRequest request;
  std::map<Turn, const QueuedJob*> jobs;
};

// Threads: one at a time.
class JobQueue {
 public:
  JobQueue() = default;
  // Lanes point into it.
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // The job as it is now; one that has ended is forgotten, and those that
  // waited for it move on.
  void Put(QueuedJob job);

  // Jobs whose back-off is over join their lanes. Returns when the next one
  // does; infinite future: none waits for that.
  absl::Time Advance(absl::Time now);

  // Null: unknown or ended. Valid until the next change.
  const QueuedJob* Find(JobId job) const;

  const std::map<Turn, const QueuedJob*>& running() const { return running_; }
  // None is empty.
  std::vector<const Lane*> Lanes() const;
  // Null: it is not in line.
  const Lane* LaneOf(JobId job) const;

  // Jobs that can never start: one that they wait for ended otherwise. Each
  // with that job; until they end themselves.
  const std::map<JobId, JobId>& doomed() const { return doomed_; }
  // Jobs told to wait for others that did so and are now in line; each is
  // given once.
  std::vector<JobId> TakeResolved() { return std::exchange(resolved_, {}); }
  // What the job still waits for.
  std::vector<AwaitedJob> AwaitedBy(JobId job) const;

  const AccountLoad& LoadOf(const Account& account) const;
  // Sums over the group's accounts.
  AccountLoad GroupLoad(const std::string& group) const;
  const std::map<Account, AccountLoad>& loads() const { return loads_; }
  // Devices were used then, as far as older records tell.
  void NoteUse(const Account& account, absl::Time when);
  int SweepRunning(const std::string& sweep) const;
  size_t size() const { return jobs_.size(); }

 private:
  using LaneKey = std::pair<Account, std::pair<std::string, std::string>>;
  struct Entry {
    QueuedJob job;
    Lane* lane = nullptr;
    bool is_waiting = false;
  };

  void Remove(Entry& entry);
  void Place(Entry& entry);
  void JoinLane(Entry& entry);
  // Looks at what it waits for; false: it is not in line for that.
  bool IsResolved(Entry& entry);
  // `job` has ended in `state`.
  void Resolve(JobId job, v1::JobState state);

  std::unordered_map<JobId, std::unique_ptr<Entry>> jobs_;
  std::map<LaneKey, Lane> lanes_;
  std::map<Turn, const QueuedJob*> running_;
  std::set<std::pair<absl::Time, JobId>> backoffs_;
  // Who waits for a job.
  std::multimap<JobId, JobId> dependents_;
  std::map<JobId, JobId> doomed_;
  std::vector<JobId> resolved_;
  std::map<Account, AccountLoad> loads_;
  std::map<std::string, int> sweep_running_;
};

}  // namespace atelier::server
