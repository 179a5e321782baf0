#include "client/commands/schedule_flags.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "proto/cc/error_details.h"
#include "proto/cc/options_from_flags.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/utf8.h"

namespace atelier::client {
namespace {

constexpr size_t kMaxSweepJobs = 1000;
constexpr size_t kMaxNameBytes = 128;

// `ok:12`, `any:12`, `fail:12`; `12` is `ok:12`.
absl::StatusOr<v1::Dependency> ParseDependency(const std::string& text) {
  v1::Dependency dependency;
  std::vector<std::string> parts =
      absl::StrSplit(text, absl::ByAnyChar(": "), absl::SkipEmpty());
  if (parts.size() == 1) parts.insert(parts.begin(), "ok");
  int64_t id = 0;
  const bool is_right =
      parts.size() == 2 && absl::SimpleAtoi(parts[1], &id) && id > 0 &&
      (parts[0] == "ok" || parts[0] == "any" || parts[0] == "fail");
  if (!is_right) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--after is \"", text, "\"; must be ok:ID, any:ID, fail:ID or ID"));
  }
  dependency.set_job_id(id);
  dependency.set_condition(parts[0] == "any"    ? v1::Dependency::CONDITION_ANY
                           : parts[0] == "fail" ? v1::Dependency::CONDITION_FAIL
                                                : v1::Dependency::CONDITION_OK);
  return dependency;
}

struct Axis {
  std::string option;
  std::vector<std::string> values;
};

absl::StatusOr<Axis> ParseAxis(const std::string& text) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  Axis axis = {parts.first,
               absl::StrSplit(parts.second, ',', absl::SkipEmpty())};
  if (axis.option.empty() || axis.values.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--sweep is \"", text, "\"; must be OPTION=VALUE,VALUE,…"));
  }
  return axis;
}

// The spec with one value of the axis.
absl::StatusOr<v1::JobSpec> WithValue(const v1::JobSpec& spec, const Axis& axis,
                                      const std::string& value,
                                      const std::string& cwd) {
  v1::JobSpec changed = spec;
  RETURN_IF_ERROR(MakeBadRequest(
      OptionsFromFlags({absl::StrCat("--", axis.option, "=", value)}, cwd,
                       changed.mutable_training())));
  (*changed.mutable_labels())[axis.option] = value;
  const std::string setting = absl::StrCat(axis.option, "=", value);
  changed.set_name(CutUtf8(
      absl::StrCat(changed.name(), changed.name().empty() ? "" : " ", setting),
      kMaxNameBytes));
  // Jobs that run at once cannot write to one folder.
  v1::OutputOptions& output = *changed.mutable_training()->mutable_output();
  if (output.has_output_dir() && axis.option != "output_dir") {
    output.set_output_dir(absl::StrCat(
        output.output_dir(), "/", absl::StrReplaceAll(setting, {{"/", "_"}})));
  }
  return changed;
}

}  // namespace

std::vector<Flag> ScheduleFlags() {
  return {{"priority", "N", "Higher starts first, -1000 to 1000 (0)"},
          {"group", "NAME", "What it counts for beside its user"},
          {"after", "[ok:|any:|fail:]ID",
           "Waits for that job to succeed, end or fail; may be given several "
           "times"},
          {"hold", "", "Waits for `atelier release`"},
          {"sweep", "OPTION=V,V,…",
           "One job for each value; given several times, for each combination"},
          {"sweep-running", "N", "How many jobs of the sweep run at a time"}};
}

absl::Status AddScheduleFlags(const Arguments& arguments, v1::JobSpec* spec) {
  if (arguments.Has("priority")) {
    int32_t priority = 0;
    if (!absl::SimpleAtoi(arguments.Value("priority"), &priority)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--priority is \"", arguments.Value("priority"),
                       "\"; must be an integer from -1000 to 1000"));
    }
    spec->set_priority(priority);
  }
  if (arguments.Has("group")) spec->set_group(arguments.Value("group"));
  if (arguments.Has("hold")) spec->set_hold(true);
  if (arguments.Has("sweep-running")) {
    if (!arguments.Has("sweep")) {
      return absl::InvalidArgumentError(
          "--sweep-running limits a sweep; give --sweep too");
    }
    ASSIGN_OR_RETURN(
        const int64_t running,
        ParseInteger("sweep-running", arguments.Value("sweep-running"), 1));
    spec->set_sweep_running(
        static_cast<int32_t>(std::min<int64_t>(running, INT32_MAX)));
  }
  const auto after = arguments.flags.find("after");
  if (after == arguments.flags.end()) return absl::OkStatus();
  for (const std::string& list : after->second) {
    for (const absl::string_view text : absl::StrSplit(list, ',')) {
      ASSIGN_OR_RETURN(*spec->add_after(), ParseDependency(std::string(text)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::JobSpec>> ExpandSweep(const Arguments& arguments,
                                                     const std::string& cwd,
                                                     const std::string& sweep,
                                                     const v1::JobSpec& spec) {
  std::vector<v1::JobSpec> jobs = {spec};
  const auto given = arguments.flags.find("sweep");
  if (given == arguments.flags.end()) return jobs;
  jobs[0].set_sweep(sweep);
  for (const std::string& text : given->second) {
    ASSIGN_OR_RETURN(const Axis axis, ParseAxis(text));
    if (jobs.size() * axis.values.size() > kMaxSweepJobs) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--sweep makes more than ", kMaxSweepJobs, " jobs; make it smaller"));
    }
    std::vector<v1::JobSpec> grid;
    for (const v1::JobSpec& job : jobs) {
      for (const std::string& value : axis.values) {
        ASSIGN_OR_RETURN(v1::JobSpec changed, WithValue(job, axis, value, cwd));
        grid.push_back(std::move(changed));
      }
    }
    jobs = std::move(grid);
  }
  return jobs;
}

}  // namespace atelier::client
