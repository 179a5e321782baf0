// The scheduler's rules in simulation. ATELIER_HISTORIES sets the number of
// random histories (100,000), ATELIER_SEED the first seed.
#include <cstdlib>
#include <iostream>
#include <map>
#include <queue>
#include <string>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"

#include "tests/server/schedule/simulated_queue.h"

namespace atelier::server {
namespace {

using testing::SimulatedQueue;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  int64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

TEST(SimulationTest, RandomHistoriesKeepTheInvariants) {
  const int64_t histories = FromEnvironment("ATELIER_HISTORIES", 100000);
  const int64_t first = FromEnvironment("ATELIER_SEED", 1);
  std::cout << "seeds " << first << " to " << first + histories - 1
            << std::endl;
  SimulatedQueue::Counts sum;
  for (int64_t seed = first; seed < first + histories; ++seed) {
    SimulatedQueue world(static_cast<uint64_t>(seed));
    const std::string failure = world.Run();
    ASSERT_EQ(failure, "") << "ATELIER_SEED=" << seed
                           << " ATELIER_HISTORIES=1 shows it again";
    sum.starts += world.counts().starts;
    sum.backfills += world.counts().backfills;
    sum.preemptions += world.counts().preemptions;
    sum.doomed += world.counts().doomed;
    sum.quota_waits += world.counts().quota_waits;
    sum.promises += world.counts().promises;
  }
  std::cout << histories << " histories: " << sum.starts << " starts, "
            << sum.backfills << " backfills, " << sum.preemptions
            << " preemptions, " << sum.doomed << " failed dependencies, "
            << sum.quota_waits << " waits for quotas, " << sum.promises
            << " promises looked at" << std::endl;
  if (histories < 1000) return;
  EXPECT_GT(sum.backfills, 0);
  EXPECT_GT(sum.preemptions, 0);
  EXPECT_GT(sum.doomed, 0);
  EXPECT_GT(sum.quota_waits, 0);
  EXPECT_GT(sum.promises, 0);
}

// Users whose queues never run dry, on some devices, for a long time.
class BusyQueue {
 public:
  BusyQueue(ScheduleRules rules, int devices)
      : rules_(std::move(rules)), ledger_(rules_.shares) {
    for (int i = 0; i < devices; ++i) devices_.push_back(CpuSlot(i));
  }

  void AddUser(const Account& account, absl::Duration job_length,
               int priority = 0) {
    lengths_[account] = job_length;
    for (int i = 0; i < 10; ++i) Submit(account, priority);
  }

  void RunFor(absl::Duration time) {
    const absl::Time end = now_ + time;
    Look();
    while (!ends_.empty() && ends_.top().first < end) {
      now_ = ends_.top().first;
      QueuedJob job = *queue_.Find(ends_.top().second);
      ends_.pop();
      End(std::move(job));
      Look();
    }
  }

  double Seconds(const std::string& user) const {
    double seconds = 0;
    for (const auto& [account, used] : used_)
      if (account.user == user) seconds += used;
    return seconds;
  }

 private:
  void Submit(const Account& account, int priority) {
    QueuedJob job;
    job.id = ++last_id_;
    job.account = account;
    job.priority = priority;
    job.create_time = now_;
    queue_.Put(job);
  }

  void End(QueuedJob job) {
    for (const UsageHour& usage :
         UsageOf(job.account, job.attempt_start, now_, 1))
      ledger_.Add(usage);
    used_[job.account] += absl::ToDoubleSeconds(now_ - job.attempt_start);
    job.state = v1::JOB_STATE_SUCCEEDED;
    const Account account = job.account;
    const int priority = job.priority;
    queue_.Put(std::move(job));
    Submit(account, priority);
  }

  void Look() {
    PlanInput input = {queue_, ledger_, rules_, devices_};
    input.now = now_;
    const Plan plan = MakePlan(input);
    for (const JobStart& start : plan.starts) {
      QueuedJob job = *queue_.Find(start.job);
      job.state = v1::JOB_STATE_RUNNING;
      job.attempt = 1;
      job.attempt_start = now_;
      job.devices = start.devices;
      ends_.push({now_ + lengths_.at(job.account), job.id});
      queue_.Put(std::move(job));
    }
  }

  using EndOfJob = std::pair<absl::Time, JobId>;
  const ScheduleRules rules_;
  ShareLedger ledger_;
  JobQueue queue_;
  std::vector<DeviceState> devices_;
  std::map<Account, absl::Duration> lengths_;
  std::map<Account, double> used_;
  std::priority_queue<EndOfJob, std::vector<EndOfJob>, std::greater<>> ends_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  JobId last_id_ = 0;
};

TEST(FairShareTest, EqualUsersGetEqualTimeWhateverTheirJobsAreLike) {
  BusyQueue queue(ScheduleRules(), 4);
  queue.AddUser({"", "ana"}, absl::Minutes(10));
  queue.AddUser({"", "ben"}, absl::Hours(1));
  queue.AddUser({"", "cia"}, absl::Hours(3));
  queue.RunFor(absl::Hours(24 * 60));
  const double all =
      queue.Seconds("ana") + queue.Seconds("ben") + queue.Seconds("cia");
  for (const char* user : {"ana", "ben", "cia"}) {
    const double share = queue.Seconds(user) / all;
    std::cout << user << ": " << share << std::endl;
    EXPECT_NEAR(share, 1.0 / 3, 0.05 / 3) << user;
  }
}

TEST(FairShareTest, WeightsAndGroupsCount) {
  ScheduleRules rules;
  rules.shares.group_shares = {{"vision", 3}};
  rules.shares.user_shares = {{"ana", 2}};
  BusyQueue queue(rules, 4);
  queue.AddUser({"vision", "ana"}, absl::Hours(1));
  queue.AddUser({"vision", "ben"}, absl::Minutes(30));
  queue.AddUser({"text", "cia"}, absl::Minutes(20));
  queue.RunFor(absl::Hours(24 * 60));
  const double all =
      queue.Seconds("ana") + queue.Seconds("ben") + queue.Seconds("cia");
  EXPECT_NEAR(queue.Seconds("ana") / all, 0.50, 0.025);
  EXPECT_NEAR(queue.Seconds("ben") / all, 0.25, 0.0125);
  EXPECT_NEAR(queue.Seconds("cia") / all, 0.25, 0.0125);
}

TEST(FairShareTest, LowPriorityIsNotStarved) {
  ScheduleRules rules;
  rules.starvation_limit = absl::Hours(12);
  BusyQueue queue(rules, 1);
  queue.AddUser({"", "ana"}, absl::Hours(1), 100);
  queue.AddUser({"", "ben"}, absl::Hours(1), -100);
  queue.RunFor(absl::Hours(24 * 10));
  // One start in about every 13 hours.
  EXPECT_GE(queue.Seconds("ben"), 15 * 3600);
  EXPECT_GT(queue.Seconds("ana"), 10 * queue.Seconds("ben"));
}

}  // namespace
}  // namespace atelier::server
