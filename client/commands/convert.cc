#include "client/commands/commands.h"
#include "client/commands/pasted_command.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/sd_scripts/option_markdown.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/options_validate.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

void PrintAsJson(const sd_scripts::Conversion& conversion, bool is_job,
                 const Context& context) {
  v1::Job job;
  *job.mutable_spec() = conversion.spec;
  nlohmann::ordered_json json;
  json["script"] = conversion.script->file;
  json["architecture"] = ArchitectureName(conversion.spec.architecture());
  json["options"] = JobToJson(job)["spec"]["training"];
  json["command"] = DispositionsToJson(conversion);
  if (is_job) json["toml"] = sd_scripts::JobText(conversion);
  PrintJson(json, context);
}

absl::StatusOr<int> RunConvert(const Invocation& invocation) {
  const Context& context = invocation.context;
  if (invocation.arguments.Has("table")) {
    context.out << sd_scripts::OptionTable() << std::flush;
    return kExitOk;
  }
  ASSIGN_OR_RETURN(const sd_scripts::Conversion conversion,
                   ReadPastedCommand(invocation));
  std::vector<Violation> violations = sd_scripts::Refusals(conversion);
  const std::vector<Violation> invalid = ValidateJobSpec(conversion.spec);
  violations.insert(violations.end(), invalid.begin(), invalid.end());
  if (invocation.json()) {
    PrintAsJson(conversion, violations.empty(), context);
  } else {
    PrintNotable(conversion, context);
  }
  RETURN_IF_ERROR(MakeBadRequest(violations));
  if (!invocation.json()) {
    context.out << sd_scripts::JobText(conversion) << std::flush;
  }
  return kExitOk;
}

}  // namespace

Command ConvertCommand() {
  Command command = {
      "convert",
      "Prints the job file of an sd-scripts command",
      {"",
       0,
       0,
       {CommandFileFlag(),
        {"table", "", "Prints what becomes of every option, in Markdown"}},
       false},
      RunConvert};
  command.signature.takes_command = true;
  return command;
}

}  // namespace atelier::client
