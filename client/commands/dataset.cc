#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/dataset_text.h"
#include "client/output/json.h"
#include "client/trainer_program.h"
#include "proto/cc/error_details.h"
#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"

namespace atelier::client {
namespace {

using Json = nlohmann::ordered_json;

absl::Status CheckThere(const std::string& path, const char* what) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, ": no file ", path,
      " on this machine; `dataset check` reads the files itself, so run it "
      "where they are, on the machine of the daemon"));
}

// What the worker program is started with. Wrong options are found here
// already, with the client's own messages.
absl::StatusOr<std::vector<std::string>> WorkerWords(
    const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const std::filesystem::path cwd = invocation.context.cwd;
  v1::TrainingConfig unused;
  RETURN_IF_ERROR(MakeBadRequest(
      OptionsFromFlags(arguments.options, cwd.string(), &unused)));
  ASSIGN_OR_RETURN(const std::string trainer, FindTrainer(invocation.context));
  std::vector<std::string> words = {trainer, "dataset-check"};
  const auto add_flag = [&](const char* name, const std::string& value) {
    words.insert(words.end(), {absl::StrCat("--", name), value});
  };
  if (arguments.Has("architecture")) {
    const std::string name = arguments.Value("architecture");
    RETURN_IF_ERROR(ParseArchitecture(name).status());
    add_flag("architecture", name);
  } else if (!arguments.Has("config")) {
    return absl::InvalidArgumentError(
        "which architecture is the dataset for? give --architecture, or a job "
        "file by --config: buckets and tokenizers depend on it");
  }
  if (arguments.Has("config")) {
    const std::string job = (cwd / arguments.Value("config")).string();
    RETURN_IF_ERROR(CheckThere(job, "--config"));
    add_flag("job", job);
  }
  if (arguments.Has("out")) {
    add_flag("out", (cwd / arguments.Value("out")).string());
  }
  if (arguments.Has("quick")) words.push_back("--quick");
  if (arguments.positional.size() > 1) {
    const std::string file = (cwd / arguments.positional[1]).string();
    RETURN_IF_ERROR(CheckThere(file, "dataset_config"));
    add_flag("dataset_config", file);
  }
  words.insert(words.end(), arguments.options.begin(), arguments.options.end());
  return words;
}

// The error that the worker reports, as the client's own.
absl::Status ErrorOf(const Json& error) {
  const std::string code = error.at("code").get<std::string>();
  std::vector<Violation> violations;
  for (const Json& message : error.at("violations")) {
    violations.push_back({"", message.get<std::string>()});
  }
  RETURN_IF_ERROR(MakeBadRequest(violations));
  const std::string message = error.at("message").get<std::string>();
  constexpr absl::StatusCode kCodes[] = {
      absl::StatusCode::kNotFound, absl::StatusCode::kPermissionDenied,
      absl::StatusCode::kResourceExhausted, absl::StatusCode::kInternal};
  for (const absl::StatusCode known : kCodes) {
    if (code == absl::StatusCodeToString(known)) return {known, message};
  }
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<int> RunCheck(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::vector<std::string> words,
                   WorkerWords(invocation));
  ASSIGN_OR_RETURN(const ProgramOutput output,
                   RunProgram(words, invocation.context.cwd));
  const Json report = Json::parse(output.text, nullptr, false);
  if (!report.is_object()) {
    return absl::InternalError(
        absl::StrCat(words.front(), " ended with exit status ",
                     output.exit_status, " and no report"));
  }
  if (report.contains("error")) return ErrorOf(report.at("error"));
  if (invocation.json()) {
    PrintJson(report, invocation.context);
  } else {
    PrintDatasetReport(report, invocation.context);
  }
  return report.at("broken").empty() ? kExitOk : kExitFailed;
}

absl::StatusOr<int> RunDataset(const Invocation& invocation) {
  const std::string& verb = invocation.arguments.positional[0];
  if (verb == "check") return RunCheck(invocation);
  return absl::InvalidArgumentError(
      absl::StrCat("dataset has no command ", verb, DidYouMean(verb, {"check"}),
                   "; it is `atelier dataset check FILE.toml`"));
}

}  // namespace

Command DatasetCommand() {
  return {"dataset",
          "Checks a dataset before training: dataset check",
          {"check [FILE.toml]",
           1,
           2,
           {{"architecture", "NAME", "Whose buckets and tokenizers count"},
            {"config", "FILE", "A job file, for its dataset and options"},
            {"out", "DIR", "Writes pictures of the buckets and of their crops"},
            {"quick", "", "Reads headers only: does not decode the images"}},
           true},
          RunDataset};
}

}  // namespace atelier::client
