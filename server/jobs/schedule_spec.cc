#include "server/jobs/schedule_spec.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/reasons.h"

namespace atelier::server {
namespace {

constexpr int kMaxPriority = 1000;
constexpr size_t kMaxNameBytes = 128;
constexpr int kMaxDependencies = 1000;

void CheckName(const std::string& field, const std::string& name,
               std::vector<Violation>* violations) {
  const bool is_plain = std::none_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
  if (name.size() <= kMaxNameBytes && is_plain) return;
  violations->push_back(
      {field,
       absl::StrCat(field, " has ", name.size(), " bytes; it must have ",
                    "at most ", kMaxNameBytes, " and no control characters")});
}

void CheckAgainstQuota(const std::string& who, const Quota& quota,
                       const v1::JobSpec& spec,
                       std::vector<Violation>* violations) {
  const int wanted = std::max(1, spec.devices().count());
  if (quota.devices == 0 || wanted <= quota.devices) return;
  violations->push_back(
      {"spec.devices.count",
       absl::StrCat("the job wants ", wanted, " devices; ", who,
                    " may hold at most ", quota.devices)});
}

}  // namespace

void CheckPriority(const std::string& field, int priority,
                   std::vector<Violation>* violations) {
  if (priority >= -kMaxPriority && priority <= kMaxPriority) return;
  violations->push_back(
      {field, absl::StrCat("priority is ", priority, "; it must be from ",
                           -kMaxPriority, " to ", kMaxPriority)});
}

absl::Status ResolveSchedule(const ScheduleRules& rules,
                             const std::string& user, v1::JobSpec* spec) {
  std::vector<Violation> violations;
  CheckPriority("spec.priority", spec->priority(), &violations);
  CheckName("spec.group", spec->group(), &violations);
  CheckName("spec.sweep", spec->sweep(), &violations);
  if (spec->sweep_running() < 0)
    violations.push_back(
        {"spec.sweep_running",
         absl::StrCat("sweep_running is ", spec->sweep_running(),
                      "; it must not be negative")});
  if (spec->sweep_running() > 0 && spec->sweep().empty())
    violations.push_back({"spec.sweep_running",
                          "sweep_running limits the jobs of a sweep, and the "
                          "job names none"});
  if (spec->after_size() > kMaxDependencies)
    violations.push_back(
        {"spec.after", absl::StrCat("the job waits for ", spec->after_size(),
                                    " others; at most ", kMaxDependencies)});
  for (const v1::Dependency& dependency : spec->after()) {
    if (v1::Dependency::Condition_IsValid(dependency.condition())) continue;
    violations.push_back({"spec.after",
                          "a condition of after is not known; "
                          "it must be OK, ANY or FAIL"});
  }
  if (spec->group().empty()) spec->set_group(rules.GroupOf(user));
  CheckAgainstQuota(absl::StrCat("user ", user), rules.quotas.OfUser(user),
                    *spec, &violations);
  CheckAgainstQuota(absl::StrCat("group ", spec->group()),
                    rules.quotas.OfGroup(spec->group()), *spec, &violations);
  return MakeBadRequest(reasons::kInvalidRequest, violations);
}

}  // namespace atelier::server
