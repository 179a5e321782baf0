// Who has had how much of the devices: device-seconds by the hour, each halved
// for every half-life that has passed since. Groups share by their weights,
// users within their group by theirs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/jobs/queued_job.h"
#include "server/jobs/schedule_rules.h"

namespace atelier::server {

class ShareLedger {
 public:
  explicit ShareLedger(ShareRules rules) : rules_(std::move(rules)) {}

  void Add(const UsageHour& usage);

  // As of `now`; 0 for unknown ones.
  double Decayed(const Account& account, absl::Time now) const;
  // Within the 168 hours before `now`, without decay.
  double Week(const Account& account, absl::Time now) const;

  // What a run of so long on `devices` devices, ending now, counts for.
  double DecayedRun(absl::Duration run, int devices) const;

  // Everybody who ever had anything.
  std::vector<Account> Accounts() const;
  const ShareRules& rules() const { return rules_; }

 private:
  struct Entry {
    // Decayed to `as_of`.
    double decayed = 0;
    absl::Time as_of = absl::InfinitePast();
    std::map<int64_t, double> hours;
  };

  double Halvings(absl::Duration time) const;

  const ShareRules rules_;
  std::map<Account, Entry> entries_;
};

}  // namespace atelier::server
