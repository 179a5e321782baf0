#include "server/schedule/quota.h"

#include "absl/strings/str_cat.h"

namespace atelier::server {

// A user's quota counts over all its groups.
double QuotaState::WeekHours(const Account& account, bool whole_group) const {
  const auto counts = [&](const Account& other) {
    return whole_group ? other.group == account.group
                       : other.user == account.user;
  };
  double seconds = 0;
  for (const Account& other : input_.ledger.Accounts()) {
    if (counts(other)) seconds += input_.ledger.Week(other, input_.now);
  }
  for (const auto& [turn, job] : input_.queue.running()) {
    if (!counts(job->account)) continue;
    seconds += absl::ToDoubleSeconds(input_.now - job->attempt_start) *
               static_cast<double>(job->devices.size());
  }
  return seconds / 3600;
}

QuotaUse QuotaState::Check(const std::string& who, const Quota& quota,
                           Load load, int devices) const {
  QuotaUse use;
  if (quota.running_jobs > 0 && load.jobs >= quota.running_jobs) {
    use.is_exceeded = true;
    use.message = absl::StrCat(who, " runs ", load.jobs, " jobs; at most ",
                               quota.running_jobs, " may run");
  } else if (quota.devices > 0 && load.devices + devices > quota.devices) {
    use.is_exceeded = true;
    use.message = absl::StrCat(who, " holds ", load.devices,
                               " devices and the job wants ", devices,
                               " more; at most ", quota.devices);
  }
  return use;
}

QuotaUse QuotaState::Exceeded(const QueuedJob& job) const {
  const Account& account = job.account;
  const Quota& of_user = input_.rules.quotas.OfUser(account.user);
  const Quota& of_group = input_.rules.quotas.OfGroup(account.group);
  const std::string user = absl::StrCat("user ", account.user);
  Load load;
  for (const auto& [other, theirs] : input_.queue.loads()) {
    if (other.user != account.user) continue;
    load.jobs += theirs.running_jobs;
    load.devices += theirs.running_devices;
  }
  const auto started = started_by_user_.find(account.user);
  if (started != started_by_user_.end()) {
    load.jobs += started->second.jobs;
    load.devices += started->second.devices;
  }
  QuotaUse use = Check(user, of_user, load, job.request.count);
  if (use.is_exceeded) return use;
  const AccountLoad whole = input_.queue.GroupLoad(account.group);
  load = {whole.running_jobs, whole.running_devices};
  const auto group_started = started_by_group_.find(account.group);
  if (group_started != started_by_group_.end()) {
    load.jobs += group_started->second.jobs;
    load.devices += group_started->second.devices;
  }
  use = Check(absl::StrCat("group ", account.group), of_group, load,
              job.request.count);
  if (use.is_exceeded) return use;
  for (const bool whole_group : {false, true}) {
    const Quota& quota = whole_group ? of_group : of_user;
    if (quota.week_device_hours <= 0) continue;
    const double used = WeekHours(account, whole_group);
    if (used < quota.week_device_hours) continue;
    use.is_exceeded = true;
    use.message =
        absl::StrCat(whole_group ? absl::StrCat("group ", account.group) : user,
                     " has used ", used, " device-hours in a week; at most ",
                     quota.week_device_hours);
    use.look_again = input_.now + absl::Minutes(10);
    return use;
  }
  if (of_user.disk_bytes <= 0 || input_.disk_use == nullptr) return use;
  const auto disk = input_.disk_use->find(account.user);
  if (disk == input_.disk_use->end() || disk->second < of_user.disk_bytes) {
    return use;
  }
  use.is_exceeded = true;
  use.message =
      absl::StrCat(user, " keeps ", GibText(disk->second),
                   " of artifacts; at most ", GibText(of_user.disk_bytes));
  use.look_again = input_.now + absl::Minutes(1);
  return use;
}

void QuotaState::Charge(const Account& account, int devices) {
  ++started_by_user_[account.user].jobs;
  started_by_user_[account.user].devices += devices;
  ++started_by_group_[account.group].jobs;
  started_by_group_[account.group].devices += devices;
}

}  // namespace atelier::server
