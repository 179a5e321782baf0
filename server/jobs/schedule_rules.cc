#include "server/jobs/schedule_rules.h"

#include <algorithm>

namespace atelier::server {
namespace {

double WeightOf(const std::map<std::string, double>& weights,
                const std::string& name) {
  const auto it = weights.find(name);
  return it == weights.end() ? 1 : it->second;
}

}  // namespace

double ShareRules::GroupShares(const std::string& group) const {
  return WeightOf(group_shares, group);
}

double ShareRules::UserShares(const std::string& user) const {
  return WeightOf(user_shares, user);
}

bool QuotaRules::limits_disk() const {
  const auto limits = [](const auto& named) {
    return named.second.disk_bytes > 0;
  };
  return each_user.disk_bytes > 0 ||
         std::any_of(users.begin(), users.end(), limits) ||
         std::any_of(groups.begin(), groups.end(), limits);
}

const std::string& ScheduleRules::GroupOf(const std::string& user) const {
  const auto it = group_of_user.find(user);
  static const std::string& none = *new std::string();
  return it == group_of_user.end() ? none : it->second;
}

}  // namespace atelier::server
