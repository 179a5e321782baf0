#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "proto/cc/message_json.h"
#include "proto/cc/options_reference.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

void PrintOptionsAsJson(v1::Architecture architecture, const Context& context) {
  for (const Option& option : AllOptions()) {
    const bool is_taken = architecture == v1::ARCHITECTURE_UNSPECIFIED ||
                          option.TakenBy(architecture);
    if (!is_taken) continue;
    nlohmann::ordered_json json;
    json["name"] = option.name;
    json["group"] = option.group->name();
    json["type"] = option.field->cpp_type_name();
    json["is_list"] = option.is_list();
    const nlohmann::ordered_json info = MessageToJson(option.info);
    for (const auto& [key, value] : info.items()) {
      json[key] = value;
    }
    PrintJson(json, context);
  }
}

absl::StatusOr<int> RunOptions(const Invocation& invocation) {
  const Context& context = invocation.context;
  v1::Architecture architecture = v1::ARCHITECTURE_UNSPECIFIED;
  if (!invocation.arguments.positional.empty()) {
    ASSIGN_OR_RETURN(architecture,
                     ParseArchitecture(invocation.arguments.positional[0]));
  }
  if (invocation.json()) {
    PrintOptionsAsJson(architecture, context);
  } else if (invocation.arguments.Has("markdown")) {
    context.out << OptionReference(architecture) << std::flush;
  } else {
    context.out << OptionHelp(architecture, context.terminal.width)
                << std::flush;
  }
  return kExitOk;
}

}  // namespace

Command OptionsCommand() {
  return {"options",
          "Explains every training option",
          {"[ARCHITECTURE]",
           0,
           1,
           {{"markdown", "", "As a reference page in Markdown"}}},
          RunOptions};
}

}  // namespace atelier::client
