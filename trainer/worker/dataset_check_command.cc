#include "trainer/worker/dataset_check_command.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/error_details.h"
#include "proto/cc/job_file.h"
#include "proto/cc/option_paths.h"
#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/status_macros.h"
#include "trainer/worker/exit_code.h"

namespace atelier::trainer {
namespace {

// Takes `NAME VALUE` out of the arguments; the last one counts.
absl::StatusOr<std::string> TakeValue(const std::string& name,
                                      std::vector<std::string>& arguments) {
  std::string value;
  for (auto at = std::find(arguments.begin(), arguments.end(), name);
       at != arguments.end();
       at = std::find(arguments.begin(), arguments.end(), name)) {
    if (at + 1 == arguments.end()) {
      return absl::InvalidArgumentError(name + " needs a value");
    }
    value = *(at + 1);
    arguments.erase(at, at + 2);
  }
  return value;
}

bool TakeSwitch(const std::string& name, std::vector<std::string>& arguments) {
  const auto rest = std::remove(arguments.begin(), arguments.end(), name);
  const bool is_there = rest != arguments.end();
  arguments.erase(rest, arguments.end());
  return is_there;
}

absl::StatusOr<DatasetCheckRequest> ReadRequest(
    std::vector<std::string> arguments) {
  DatasetCheckRequest request;
  const std::string here = std::filesystem::current_path().string();
  ASSIGN_OR_RETURN(const std::string job, TakeValue("--job", arguments));
  ASSIGN_OR_RETURN(request.picture_dir, TakeValue("--out", arguments));
  ASSIGN_OR_RETURN(const std::string architecture,
                   TakeValue("--architecture", arguments));
  request.is_quick = TakeSwitch("--quick", arguments);
  if (!job.empty()) {
    ASSIGN_OR_RETURN(request.spec, ReadJobFile(job));
  }
  if (!architecture.empty()) {
    ASSIGN_OR_RETURN(const v1::Architecture parsed,
                     ParseArchitecture(architecture));
    request.spec.set_architecture(parsed);
  }
  if (request.spec.architecture() == v1::ARCHITECTURE_UNSPECIFIED) {
    return absl::InvalidArgumentError("--architecture is missing");
  }
  v1::TrainingConfig given;
  RETURN_IF_ERROR(MakeBadRequest(OptionsFromFlags(arguments, here, &given)));
  v1::TrainingConfig& training = *request.spec.mutable_training();
  OverrideOptions(given, &training);
  MakePathsAbsolute(here, &training);
  FillDefaults(request.spec.architecture(), &training);
  return request;
}

// `scanning 120 of 20000`, drawn over itself.
absl::Status DrawProgress(const std::string& phase, int64_t done,
                          int64_t total) {
  constexpr int64_t kUpdates = 200;
  const int64_t stride = std::max<int64_t>(1, total / kUpdates);
  if (done % stride == 0 || done == total) {
    std::cerr << absl::StrCat("\r", phase, " ", done, " of ", total)
              << (done == total ? "\n" : "") << std::flush;
  }
  return absl::OkStatus();
}

std::string ErrorLine(const absl::Status& status) {
  nlohmann::ordered_json error;
  error["code"] = absl::StatusCodeToString(status.code());
  error["message"] = std::string(status.message());
  error["violations"] = nlohmann::ordered_json::array();
  for (const Violation& violation : ViolationsOf(status)) {
    error["violations"].push_back(violation.message);
  }
  const nlohmann::ordered_json json = {{"error", error}};
  return json.dump(-1, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

int DatasetCheckCommand(absl::Span<const std::string> arguments,
                        const DatasetCheck& check) {
  absl::StatusOr<DatasetCheckRequest> request =
      ReadRequest({arguments.begin(), arguments.end()});
  if (request.ok() && isatty(STDERR_FILENO) == 1) {
    request->progress = DrawProgress;
  }
  const absl::StatusOr<std::string> answer =
      request.ok() ? check(*request)
                   : absl::StatusOr<std::string>(request.status());
  std::cout << (answer.ok() ? *answer : ErrorLine(answer.status()))
            << std::endl;
  return ExitCodeFor(answer.status());
}

}  // namespace atelier::trainer
