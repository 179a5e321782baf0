#include "server/access/access_policy.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace atelier::server {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool UserList::Has(const UnixUser& user) const {
  if (Contains(users, user.name)) return true;
  return std::any_of(
      user.groups.begin(), user.groups.end(),
      [this](const std::string& group) { return Contains(groups, group); });
}

v1::Role RoleOf(const AccessPolicy& policy, const UnixUser& user) {
  if (user.uid == 0 || user.uid == geteuid() || policy.admins.Has(user))
    return v1::ROLE_ADMIN;
  if (policy.operators.Has(user)) return v1::ROLE_OPERATOR;
  if (policy.allowed.empty() || policy.allowed.Has(user)) return v1::ROLE_USER;
  return v1::ROLE_UNSPECIFIED;
}

bool MaySee(const AccessPolicy& policy, const Caller& caller,
            const std::string& owner) {
  return !policy.hides_jobs || caller.user == owner ||
         caller.IsAtLeast(v1::ROLE_OPERATOR);
}

std::string FilterFor(const AccessPolicy& policy, const Caller& caller,
                      const std::string& filter, const std::string& order_by) {
  if (!policy.hides_jobs || caller.IsAtLeast(v1::ROLE_OPERATOR)) return filter;
  bool asks_more = false;
  for (absl::string_view hidden : {"name", "label", "architecture"})
    asks_more = asks_more || absl::StrContains(filter, hidden) ||
                absl::StrContains(order_by, hidden);
  if (!asks_more) return filter;
  const std::string own = absl::StrCat(
      "owner = \"",
      absl::StrReplaceAll(caller.user, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
  return filter.empty() ? own : absl::StrCat(filter, " AND ", own);
}

void HideJob(const AccessPolicy& policy, const Caller& caller, v1::Job* job) {
  if (MaySee(policy, caller, job->owner())) return;
  v1::Job told;
  told.set_id(job->id());
  told.set_state(job->state());
  told.set_owner(job->owner());
  *told.mutable_create_time() = job->create_time();
  if (job->has_start_time()) *told.mutable_start_time() = job->start_time();
  if (job->has_end_time()) *told.mutable_end_time() = job->end_time();
  told.set_hidden(true);
  *job = std::move(told);
}

}  // namespace atelier::server
