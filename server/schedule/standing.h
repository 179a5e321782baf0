// Where accounts and lanes stand in the queue at one moment. Before others
// come, in this order: users that have waited for any start longer than the
// limit, higher priority, the group and then the user that has had less of the
// devices, what was submitted earlier (Turn).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/jobs/schedule_rules.h"
#include "server/schedule/job_queue.h"
#include "server/schedule/share_ledger.h"

namespace atelier::server {

// Less comes first.
struct Place {
  // Since when a user has waited too long; infinite future: it has not.
  absl::Time overdue = absl::InfiniteFuture();
  int priority = 0;
  double group_share = 0;
  double user_share = 0;
  Turn turn;

  bool operator<(const Place& other) const;
};

class Standing {
 public:
  // All outlive it.
  Standing(const JobQueue& queue, const ShareLedger& ledger,
           absl::Duration starvation_limit, absl::Time now);

  Place PlaceOf(const QueuedJob& job) const;

  // Decayed device-seconds, those of running attempts included.
  double Used(const Account& account) const;
  double GroupUsed(const std::string& group) const;

  // Counts a start that was just decided on, so that the next one goes to
  // somebody else.
  void Charge(const Account& account, int devices);

 private:
  const JobQueue& queue_;
  const ShareLedger& ledger_;
  const absl::Duration starvation_limit_;
  const absl::Time now_;
  std::map<Account, double> used_;
  std::map<std::string, double> group_used_;
  // Accounts that were given a start.
  std::set<Account> served_;
};

}  // namespace atelier::server
