#include "server/jobs/queued_job.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace atelier::server {
namespace {

std::string Awaited(const v1::Dependency& dependency) {
  switch (dependency.condition()) {
    case v1::Dependency::CONDITION_ANY:
      return absl::StrCat("job ", dependency.job_id(), " to end");
    case v1::Dependency::CONDITION_FAIL:
      return absl::StrCat("job ", dependency.job_id(), " to fail");
    default:
      return absl::StrCat("job ", dependency.job_id(), " to succeed");
  }
}

}  // namespace

std::vector<UsageHour> UsageOf(const Account& account, absl::Time start,
                               absl::Time end, int devices) {
  constexpr int64_t kHour = 3600;
  std::vector<UsageHour> usage;
  absl::Time from = start;
  while (from < end) {
    const int64_t hour = absl::ToUnixSeconds(from) / kHour;
    const absl::Time until =
        std::min(end, absl::FromUnixSeconds((hour + 1) * kHour));
    usage.push_back(
        {account, hour, absl::ToDoubleSeconds(until - from) * devices});
    from = until;
  }
  return usage;
}

v1::JobReason FirstReason(const v1::JobSpec& spec) {
  if (spec.hold()) return v1::JOB_REASON_HELD_BY_USER;
  return spec.after().empty() ? v1::JOB_REASON_PRIORITY
                              : v1::JOB_REASON_DEPENDENCY;
}

std::string FirstMessage(const v1::JobSpec& spec) {
  if (spec.hold()) return "was submitted held; release it to have it started";
  if (spec.after().empty()) return "waits for its turn";
  return absl::StrCat(
      "waits for ",
      absl::StrJoin(spec.after(), " and ",
                    [](std::string* out, const v1::Dependency& dependency) {
                      out->append(Awaited(dependency));
                    }));
}

}  // namespace atelier::server
