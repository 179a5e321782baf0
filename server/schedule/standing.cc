#include "server/schedule/standing.h"

#include <algorithm>
#include <tuple>

namespace atelier::server {
namespace {

// Counted for every device as soon as it is given, so that devices that come
// free together do not all go to the same user.
constexpr double kStartSeconds = 60;

}  // namespace

bool Place::operator<(const Place& other) const {
  if (overdue != other.overdue) return overdue < other.overdue;
  if (priority != other.priority) return priority > other.priority;
  if (group_share != other.group_share) return group_share < other.group_share;
  if (user_share != other.user_share) return user_share < other.user_share;
  return turn < other.turn;
}

Standing::Standing(const JobQueue& queue, const ShareLedger& ledger,
                   absl::Duration starvation_limit, absl::Time now)
    : queue_(queue),
      ledger_(ledger),
      starvation_limit_(starvation_limit),
      now_(now) {
  for (const Account& account : ledger.Accounts()) {
    const double used = ledger.Decayed(account, now);
    used_[account] = used;
    group_used_[account.group] += used;
  }
  for (const auto& [turn, job] : queue.running()) {
    const int devices = static_cast<int>(job->devices.size());
    const double used = ledger.DecayedRun(now - job->attempt_start, devices) +
                        devices * kStartSeconds;
    used_[job->account] += used;
    group_used_[job->account.group] += used;
  }
}

Place Standing::PlaceOf(const QueuedJob& job) const {
  const Account& account = job.account;
  Place place;
  const absl::Time served =
      std::max(queue_.LoadOf(account).last_start, job.create_time);
  const bool is_overdue =
      now_ - served > starvation_limit_ && served_.count(account) == 0;
  if (is_overdue) place.overdue = served;
  place.priority = job.priority;
  place.group_share =
      GroupUsed(account.group) / ledger_.rules().GroupShares(account.group);
  place.user_share = Used(account) / ledger_.rules().UserShares(account.user);
  place.turn = TurnOf(job);
  return place;
}

double Standing::Used(const Account& account) const {
  const auto it = used_.find(account);
  return it == used_.end() ? 0 : it->second;
}

double Standing::GroupUsed(const std::string& group) const {
  const auto it = group_used_.find(group);
  return it == group_used_.end() ? 0 : it->second;
}

void Standing::Charge(const Account& account, int devices) {
  used_[account] += devices * kStartSeconds;
  group_used_[account.group] += devices * kStartSeconds;
  served_.insert(account);
}

}  // namespace atelier::server
