#include <openssl/rand.h>

#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "client/commands/commands.h"
#include "client/commands/pasted_command.h"
#include "client/commands/schedule_flags.h"
#include "client/exit_code.h"
#include "client/job_outcome.h"
#include "client/output/json.h"
#include "client/output/text.h"
#include "client/sha256.h"
#include "proto/cc/job_file.h"
#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/options_validate.h"
#include "proto/cc/resource_text.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

// A version 4 UUID (RFC 9562).
absl::StatusOr<std::string> NewRequestId() {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
    return absl::InternalError("no random numbers for a request id");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  const std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-",
                      hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

// Of the jobs of a sweep, each has its own, made of the first one's.
std::string RequestIdOf(const std::string& first, size_t index) {
  if (index == 0 || first.size() != 36) return first;
  Sha256 sha256;
  sha256.Add(absl::StrCat(first, "/", index));
  const std::string digest = sha256.Finish();
  return absl::StrCat(digest.substr(0, 8), "-", digest.substr(8, 4), "-4",
                      digest.substr(13, 3), "-8", digest.substr(17, 3), "-",
                      digest.substr(20, 12));
}

absl::Status AddArchitecture(const Arguments& arguments, v1::JobSpec* spec) {
  if (arguments.positional.empty()) {
    if (spec->architecture() != v1::ARCHITECTURE_UNSPECIFIED) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "which architecture? give it after submit, as in `atelier submit "
        "sd1`, or in the job file");
  }
  ASSIGN_OR_RETURN(const v1::Architecture architecture,
                   ParseArchitecture(arguments.positional[0]));
  const bool differs = spec->architecture() != v1::ARCHITECTURE_UNSPECIFIED &&
                       spec->architecture() != architecture;
  if (differs) {
    return absl::InvalidArgumentError(
        absl::StrCat("the job file is for another architecture than ",
                     arguments.positional[0]));
  }
  spec->set_architecture(architecture);
  return absl::OkStatus();
}

absl::Status AddJobFlags(const Arguments& arguments, v1::JobSpec* spec) {
  if (arguments.Has("name")) spec->set_name(arguments.Value("name"));
  if (arguments.Has("max-attempts")) {
    ASSIGN_OR_RETURN(
        const int64_t attempts,
        ParseInteger("max-attempts", arguments.Value("max-attempts"), 1));
    spec->set_max_attempts(
        static_cast<int32_t>(std::min<int64_t>(attempts, INT32_MAX)));
  }
  for (const std::string& key : ResourceKeys()) {
    const std::string flag = absl::StrReplaceAll(key, {{"_", "-"}});
    if (!arguments.Has(flag)) continue;
    const absl::Status set = SetResource(key, arguments.Value(flag), spec);
    if (!set.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, ": ", set.message()));
  }
  const auto labels = arguments.flags.find("label");
  if (labels == arguments.flags.end()) return absl::OkStatus();
  for (const std::string& label : labels->second) {
    if (!absl::StrContains(label, '=')) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--label is \"", label, "\"; must be of the form KEY=VALUE"));
    }
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(label, absl::MaxSplits('=', 1));
    (*spec->mutable_labels())[parts.first] = parts.second;
  }
  return absl::OkStatus();
}

// The job of a pasted command. What there is to be said of it goes to standard
// error, with --json into `converted`.
absl::StatusOr<v1::JobSpec> ReadCommand(const Invocation& invocation,
                                        nlohmann::ordered_json* converted) {
  const Arguments& arguments = invocation.arguments;
  if (arguments.Has("config") || arguments.Has("config-file")) {
    return absl::InvalidArgumentError(
        "a job file and a command of sd-scripts are both given; give one");
  }
  ASSIGN_OR_RETURN(const sd_scripts::Conversion conversion,
                   ReadPastedCommand(invocation));
  if (invocation.json()) {
    *converted = DispositionsToJson(conversion);
  } else {
    PrintNotable(conversion, invocation.context);
  }
  RETURN_IF_ERROR(MakeBadRequest(sd_scripts::Refusals(conversion)));
  return conversion.spec;
}

// The job of --config; an empty one where that is not given.
absl::StatusOr<v1::JobSpec> ReadConfig(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const std::string name = arguments.Has("config")
                               ? arguments.Value("config")
                               : arguments.Value("config-file");
  if (name.empty()) return v1::JobSpec();
  const auto path = std::filesystem::path(invocation.context.cwd) / name;
  absl::StatusOr<v1::JobSpec> spec = ReadJobFile(path.string());
  // A file that is not there is a wrong flag, not a job that is not there.
  const bool is_readable =
      spec.ok() || spec.status().code() == absl::StatusCode::kInvalidArgument;
  if (is_readable) return spec;
  return absl::InvalidArgumentError(spec.status().message());
}

// The file's or the command's job with the flags over it. Everything that is
// wrong with the options is in one error.
absl::StatusOr<v1::JobSpec> ReadSpec(const Invocation& invocation,
                                     nlohmann::ordered_json* converted) {
  const Arguments& arguments = invocation.arguments;
  ASSIGN_OR_RETURN(v1::JobSpec spec, HasPastedCommand(arguments)
                                         ? ReadCommand(invocation, converted)
                                         : ReadConfig(invocation));
  RETURN_IF_ERROR(AddArchitecture(arguments, &spec));
  RETURN_IF_ERROR(AddJobFlags(arguments, &spec));
  RETURN_IF_ERROR(AddScheduleFlags(arguments, &spec));
  std::vector<Violation> violations = OptionsFromFlags(
      arguments.options, invocation.context.cwd, spec.mutable_training());
  // The rules between options say little while single ones are missing.
  if (violations.empty()) violations = ValidateJobSpec(spec);
  RETURN_IF_ERROR(MakeBadRequest(violations));
  return spec;
}

void PrintSubmitted(const Invocation& invocation,
                    const v1::SubmitJobRequest& request,
                    const v1::SubmitJobResponse& response,
                    const nlohmann::ordered_json& converted) {
  const Context& context = invocation.context;
  if (invocation.json()) {
    nlohmann::ordered_json json;
    json["job"] = JobToJson(response.job());
    json["request_id"] = request.request_id();
    json["warnings"] = response.warnings();
    if (!converted.is_null()) json["command"] = converted;
    return PrintJson(json, context);
  }
  for (const std::string& warning : response.warnings()) {
    context.err << "warning: " << Printable(warning) << std::endl;
  }
  const std::string name = Printable(response.job().spec().name());
  if (request.validate_only()) {
    context.out << "the job is valid; nothing was submitted" << std::endl;
    return;
  }
  context.out << "job " << response.job().id() << " submitted"
              << (name.empty() ? "" : ": ") << name << std::endl;
  if (invocation.arguments.Has("watch")) return;
  context.err << "follow it with: atelier watch " << response.job().id()
              << std::endl;
}

// A value that the daemon refuses is to leave no part of a sweep behind.
absl::Status CheckAll(const std::vector<v1::JobSpec>& specs,
                      Connection& connection) {
  v1::SubmitJobRequest request;
  request.set_validate_only(true);
  for (const v1::JobSpec& spec : specs) {
    *request.mutable_spec() = spec;
    v1::SubmitJobResponse response;
    RETURN_IF_ERROR(
        connection.Call(&v1::JobService::Stub::SubmitJob, request, &response));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunSubmit(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  v1::SubmitJobRequest request;
  nlohmann::ordered_json converted;
  ASSIGN_OR_RETURN(const v1::JobSpec spec, ReadSpec(invocation, &converted));
  request.set_validate_only(arguments.Has("dry-run"));
  request.set_request_id(arguments.Value("request-id"));
  if (request.request_id().empty()) {
    ASSIGN_OR_RETURN(*request.mutable_request_id(), NewRequestId());
  }
  ASSIGN_OR_RETURN(const std::vector<v1::JobSpec> specs,
                   ExpandSweep(arguments, invocation.context.cwd,
                               request.request_id(), spec));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::SubmitJobResponse response;
  const std::string first_id = request.request_id();
  if (specs.size() > 1 && !request.validate_only()) {
    RETURN_IF_ERROR(CheckAll(specs, *connection));
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    *request.mutable_spec() = specs[i];
    request.set_request_id(RequestIdOf(first_id, i));
    RETURN_IF_ERROR(
        connection->Call(&v1::JobService::Stub::SubmitJob, request, &response));
    PrintSubmitted(invocation, request, response, converted);
  }
  const bool follows = arguments.Has("watch") && !request.validate_only();
  if (!follows || specs.size() > 1) return kExitOk;
  return WatchToTheEnd(invocation, *connection, response.job().id(), 0);
}

}  // namespace

Command SubmitCommand() {
  Command command = {
      "submit",
      "Queues a training job",
      {"[ARCHITECTURE]",
       0,
       1,
       {{"config", "FILE", "Job file in TOML; flags win over it"},
        {"config-file", "FILE", "The same, as sd-scripts calls it"},
        CommandFileFlag(),
        {"name", "NAME", "What the job is called"},
        {"label", "KEY=VALUE", "A label; may be given several times"},
        {"max-attempts", "N", "How often the job may be started"},
        {"devices", "KIND[:N]", "Devices it needs: cpu, gpu, gpu:2"},
        {"min-vram", "SIZE", "Memory that each GPU must have, as 24G"},
        {"gpu-model", "TEXT", "Part of the GPU's name, as a100"},
        {"host-memory", "SIZE", "Memory of the machine that it may use"},
        {"time-limit", "TIME", "How long it may run at a time, as 12h"},
        {"on-time-limit", "ACTION", "Then: fail (default) or requeue"},
        {"request-id", "UUID", "Makes the same submission happen once"},
        {"dry-run", "", "Checks everything and submits nothing"},
        {"watch", "", "Follows the job; the exit status is its outcome"}},
       true},
      RunSubmit};
  for (Flag& flag : ScheduleFlags())
    command.signature.flags.push_back(std::move(flag));
  command.signature.takes_command = true;
  return command;
}

}  // namespace atelier::client
