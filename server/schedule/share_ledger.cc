#include "server/schedule/share_ledger.h"

#include <algorithm>
#include <cmath>

namespace atelier::server {
namespace {

constexpr int64_t kHourSeconds = 3600;
constexpr int64_t kWeekHours = 168;

}  // namespace

double ShareLedger::Halvings(absl::Duration time) const {
  return absl::FDivDuration(time, rules_.half_life);
}

void ShareLedger::Add(const UsageHour& usage) {
  Entry& entry = entries_[usage.account];
  // All of an hour counts from its middle.
  const absl::Time when =
      absl::FromUnixSeconds(usage.hour * kHourSeconds + kHourSeconds / 2);
  const absl::Time as_of = std::max(entry.as_of, when);
  if (entry.as_of != absl::InfinitePast()) {
    entry.decayed *= std::exp2(-Halvings(as_of - entry.as_of));
  }
  entry.decayed += usage.device_seconds * std::exp2(-Halvings(as_of - when));
  entry.as_of = as_of;
  entry.hours[usage.hour] += usage.device_seconds;
  entry.hours.erase(entry.hours.begin(),
                    entry.hours.lower_bound(usage.hour - kWeekHours));
}

double ShareLedger::Decayed(const Account& account, absl::Time now) const {
  const auto it = entries_.find(account);
  if (it == entries_.end()) return 0;
  return it->second.decayed * std::exp2(-Halvings(now - it->second.as_of));
}

double ShareLedger::Week(const Account& account, absl::Time now) const {
  const auto it = entries_.find(account);
  if (it == entries_.end()) return 0;
  const int64_t from = absl::ToUnixSeconds(now) / kHourSeconds - kWeekHours;
  double seconds = 0;
  const auto& hours = it->second.hours;
  for (auto hour = hours.upper_bound(from); hour != hours.end(); ++hour) {
    seconds += hour->second;
  }
  return seconds;
}

double ShareLedger::DecayedRun(absl::Duration run, int devices) const {
  if (run <= absl::ZeroDuration()) return 0;
  // The integral of 2^(-t / half-life).
  const double life = absl::ToDoubleSeconds(rules_.half_life);
  return devices * life / M_LN2 * -std::expm1(-M_LN2 * Halvings(run));
}

std::vector<Account> ShareLedger::Accounts() const {
  std::vector<Account> accounts;
  for (const auto& [account, entry] : entries_) accounts.push_back(account);
  return accounts;
}

}  // namespace atelier::server
