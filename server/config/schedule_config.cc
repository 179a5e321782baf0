#include "server/config/schedule_config.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

constexpr double kGib = 1 << 30;

absl::Status Wrong(absl::string_view key, absl::string_view entry,
                   absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "scheduling.", key, " has \"", entry, "\"; it must be ", expected));
}

std::pair<std::string, std::string> SplitAt(absl::string_view text,
                                            char separator) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits(separator, 1));
  return {std::string(absl::StripAsciiWhitespace(parts.first)),
          std::string(absl::StripAsciiWhitespace(parts.second))};
}

absl::Status ReadShares(ConfigReader& table, const char* key,
                        std::map<std::string, double>* shares) {
  std::vector<std::string> entries;
  table.Texts(key, &entries);
  for (const std::string& entry : entries) {
    const auto [name, text] = SplitAt(entry, '=');
    double weight = 0;
    if (name.empty() || !absl::SimpleAtod(text, &weight) || !(weight > 0)) {
      return Wrong(key, entry, "NAME=WEIGHT with a weight above 0");
    }
    (*shares)[name] = weight;
  }
  return absl::OkStatus();
}

bool SetQuota(const std::string& name, double value, Quota* quota) {
  if (name == "running")
    quota->running_jobs = static_cast<int>(value);
  else if (name == "queued")
    quota->queued_jobs = static_cast<int>(value);
  else if (name == "devices")
    quota->devices = static_cast<int>(value);
  else if (name == "week_device_hours")
    quota->week_device_hours = value;
  else if (name == "disk_gib")
    quota->disk_bytes = static_cast<int64_t>(value * kGib);
  else
    return false;
  return true;
}

// `NAME: running=2, devices=4`.
absl::Status ReadQuotas(ConfigReader& table, const char* key,
                        const Quota& others,
                        std::map<std::string, Quota>* quotas) {
  std::vector<std::string> entries;
  table.Texts(key, &entries);
  for (const std::string& entry : entries) {
    const auto [name, list] = SplitAt(entry, ':');
    Quota quota = others;
    bool is_right = !name.empty();
    for (absl::string_view limit : absl::StrSplit(list, ',')) {
      const auto [what, text] = SplitAt(limit, '=');
      double value = 0;
      is_right = is_right && absl::SimpleAtod(text, &value) && value >= 0 &&
                 value < 1e9 && SetQuota(what, value, &quota);
    }
    if (!is_right) {
      return Wrong(key, entry,
                   "NAME: LIMIT=N, … with limits running, queued, devices, "
                   "week_device_hours, disk_gib");
    }
    (*quotas)[name] = quota;
  }
  return absl::OkStatus();
}

// `START/END what for`, times as in RFC 3339.
absl::Status ReadMaintenance(ConfigReader& table,
                             std::vector<MaintenanceWindow>* windows) {
  std::vector<std::string> entries;
  table.Texts("maintenance", &entries);
  for (const std::string& entry : entries) {
    const auto [times, message] = SplitAt(entry, ' ');
    const auto [start, end] = SplitAt(times, '/');
    MaintenanceWindow window;
    window.message = message;
    std::string error;
    const bool is_right =
        absl::ParseTime(absl::RFC3339_full, start, &window.start, &error) &&
        absl::ParseTime(absl::RFC3339_full, end, &window.end, &error) &&
        window.start < window.end;
    if (!is_right) {
      return Wrong("maintenance", entry,
                   "START/END and what it is for, as in "
                   "\"2027-01-04T08:00:00Z/2027-01-04T12:00:00Z new GPU\"");
    }
    windows->push_back(std::move(window));
  }
  return absl::OkStatus();
}

absl::Status ReadGroups(ConfigReader& table,
                        std::map<std::string, std::string>* group_of_user) {
  std::vector<std::string> entries;
  table.Texts("user_groups", &entries);
  for (const std::string& entry : entries) {
    const auto [user, group] = SplitAt(entry, '=');
    if (user.empty() || group.empty()) {
      return Wrong("user_groups", entry, "USER=GROUP");
    }
    (*group_of_user)[user] = group;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadScheduling(ConfigReader& table, ScheduleRules* rules) {
  double hours = absl::ToDoubleHours(rules->shares.half_life);
  table.Number("half_life_hours", {0.01, 100000}, &hours);
  rules->shares.half_life = absl::Hours(hours);
  hours = absl::ToDoubleHours(rules->starvation_limit);
  table.Number("starvation_hours", {0.01, 100000}, &hours);
  rules->starvation_limit = absl::Hours(hours);
  table.Flag("preemption", &rules->preemption);
  table.Seconds("min_run_seconds", {0, 604800}, &rules->min_run);
  table.Flag("backfill", &rules->backfill);
  Quota& each = rules->quotas.each_user;
  table.Integer("max_running_jobs", {0, 1000000}, &each.running_jobs);
  table.Integer("max_queued_jobs", {0, 10000000}, &each.queued_jobs);
  table.Integer("max_devices", {0, 1000000}, &each.devices);
  table.Number("max_week_device_hours", {0, 1e9}, &each.week_device_hours);
  table.Bytes("max_disk_bytes", &each.disk_bytes);
  RETURN_IF_ERROR(ReadGroups(table, &rules->group_of_user));
  RETURN_IF_ERROR(
      ReadShares(table, "group_shares", &rules->shares.group_shares));
  RETURN_IF_ERROR(ReadShares(table, "user_shares", &rules->shares.user_shares));
  RETURN_IF_ERROR(ReadQuotas(table, "user_quotas", each, &rules->quotas.users));
  RETURN_IF_ERROR(
      ReadQuotas(table, "group_quotas", Quota(), &rules->quotas.groups));
  return ReadMaintenance(table, &rules->maintenance);
}

}  // namespace atelier::server
