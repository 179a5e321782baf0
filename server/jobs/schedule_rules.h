// What the operator lays down about turns: quotas, preemption, backfill,
// maintenance. Plain data; server/config reads it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace atelier::server {

// 0: no limit.
struct Quota {
  int running_jobs = 0;
  // Waiting and held ones.
  int queued_jobs = 0;
  // At a time.
  int devices = 0;
  // Device-hours within 168 hours.
  double week_device_hours = 0;
  // Of artifacts that are still there.
  int64_t disk_bytes = 0;
};

struct QuotaRules {
  // Of every user that is not named.
  Quota each_user;
  std::map<std::string, Quota> users;
  std::map<std::string, Quota> groups;

  const Quota& OfUser(const std::string& user) const {
    const auto it = users.find(user);
    return it == users.end() ? each_user : it->second;
  }
  const Quota& OfGroup(const std::string& group) const {
    static const Quota& none = *new Quota();
    const auto it = groups.find(group);
    return it == groups.end() ? none : it->second;
  }
  bool limits_disk() const;
};

struct MaintenanceWindow {
  absl::Time start;
  absl::Time end;
  // Told to whoever asks why jobs wait.
  std::string message;
};

struct ShareRules {
  absl::Duration half_life = absl::Hours(24 * 7);
  // Of groups and of users, by name; 1 where not named.
  std::map<std::string, double> group_shares;
  std::map<std::string, double> user_shares;

  double GroupShares(const std::string& group) const;
  double UserShares(const std::string& user) const;
};

struct ScheduleRules {
  ShareRules shares;
  QuotaRules quotas;
  // What jobs count for that name no group; empty where a user is not named.
  std::map<std::string, std::string> group_of_user;
  // Whether jobs of higher priority stop lower ones, and how long these have
  // run at least.
  bool preemption = true;
  absl::Duration min_run = absl::Minutes(10);
  // Jobs that end before the first one can start may start before it.
  bool backfill = true;
  // From a time limit until devices are free for sure.
  absl::Duration stop_margin = absl::Seconds(90);
  // A user that has waited for any start for that long comes first.
  absl::Duration starvation_limit = absl::Hours(24);
  std::vector<MaintenanceWindow> maintenance;

  // What a job of that user counts for that names no group.
  const std::string& GroupOf(const std::string& user) const;
};

}  // namespace atelier::server
