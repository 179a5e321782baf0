// A daemon without disk, processes and clock: the queue, plans and rules of the
// scheduler over rows that live in a map, driven by a seeded generator. Checks
// after every step what must never happen.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/schedule/plan.h"
#include "server/schedule/policy.h"

namespace atelier::server::testing {

inline constexpr const char* kUsers[] = {"a", "b", "c"};

class SimulatedQueue {
 public:
  explicit SimulatedQueue(uint64_t seed);

  // One short history; empty: nothing that must not happen did.
  std::string Run();

  // What the histories had in them, so that a test can see that it tests.
  struct Counts {
    int64_t starts = 0;
    int64_t backfills = 0;
    int64_t preemptions = 0;
    int64_t restarts = 0;
    int64_t doomed = 0;
    int64_t quota_waits = 0;
    int64_t promises = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct SimulatedJob {
    QueuedJob row;
    // Left to do.
    absl::Duration work;
    // When its attempt ends by itself; it fails then, or succeeds.
    absl::Time ends = absl::InfiniteFuture();
    bool fails = false;
    bool cancel_requested = false;
    int stopped_attempts = 0;
  };

  unsigned Pick(unsigned below) {
    return static_cast<unsigned>(random_() % below);
  }
  absl::Duration PickTime(int most_seconds) {
    return absl::Seconds(1 + Pick(static_cast<unsigned>(most_seconds)));
  }
  void Fail(const std::string& what);

  void Act();
  void Submit();
  void Change(SimulatedJob& job);
  void Restart();
  void TurnDevice();
  // To the next end of an attempt or look at the queue, whichever comes first.
  void PassTime();
  void EndAttempt(SimulatedJob& job, v1::AttemptOutcome outcome);
  void Move(SimulatedJob& job, v1::JobState state, v1::JobReason reason);
  void Store(SimulatedJob& job);

  void Look();
  void Start(const JobStart& start);
  void CheckStart(const SimulatedJob& job, const JobStart& start);
  void CheckQuotas();
  void CheckPromise(const Plan& plan);

  std::mt19937_64 random_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  ScheduleRules rules_;
  std::vector<DeviceState> devices_;
  std::map<JobId, SimulatedJob> jobs_;
  std::map<std::string, JobId> leases_;
  std::vector<UsageHour> usage_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<ShareLedger> ledger_;
  bool draining_ = false;
  absl::Time look_again_ = absl::InfiniteFuture();
  // The first waiting job and its latest start.
  JobId promised_job_ = 0;
  absl::Time promised_ = absl::InfiniteFuture();
  Counts counts_;
  std::string failure_;
};

}  // namespace atelier::server::testing
