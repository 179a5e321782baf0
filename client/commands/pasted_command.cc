#include "client/commands/pasted_command.h"

#include "absl/strings/str_cat.h"

#include "client/output/text.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

constexpr char kFileFlag[] = "command-file";

bool HasSpace(const std::string& word) {
  return word.find_first_of(" \t\n") != word.npos;
}

}  // namespace

Flag CommandFileFlag() {
  return {kFileFlag, "FILE",
          "A command of sd-scripts, as after --; `-`: from standard input"};
}

bool HasPastedCommand(const Arguments& arguments) {
  return arguments.has_command || arguments.Has(kFileFlag);
}

absl::StatusOr<sd_scripts::Conversion> ReadPastedCommand(
    const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const Context& context = invocation.context;
  const sd_scripts::Surroundings surroundings =
      sd_scripts::ProcessSurroundings(context.cwd, context.env);
  if (arguments.has_command && arguments.Has(kFileFlag)) {
    return absl::InvalidArgumentError(
        "a command after -- and --command-file are both given; give one");
  }
  if (arguments.Has(kFileFlag)) {
    const std::string name = arguments.Value(kFileFlag);
    const auto text = surroundings.read_file(
        name == "-" ? "/dev/stdin"
                    : sd_scripts::AbsolutePath(surroundings, name));
    // A file that is not there is a wrong flag.
    if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
    return sd_scripts::ConvertText(*text, surroundings);
  }
  const std::vector<std::string>& words = arguments.command;
  if (words.empty()) {
    return absl::InvalidArgumentError(
        "no command is given; it stands after --, or in the file that "
        "--command-file names");
  }
  if (words.size() == 1 && HasSpace(words[0])) {
    return sd_scripts::ConvertText(words[0], surroundings);
  }
  return sd_scripts::ConvertWords(words, surroundings);
}

void PrintNotable(const sd_scripts::Conversion& conversion,
                  const Context& context) {
  for (const auto* each : sd_scripts::Notable(conversion.dispositions)) {
    if (each->does == sd_scripts::Does::kRefused) continue;
    context.err << Printable(sd_scripts::DispositionText(*each)) << "\n";
  }
  context.err << std::flush;
}

nlohmann::ordered_json DispositionsToJson(
    const sd_scripts::Conversion& conversion) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const sd_scripts::Disposition& each : conversion.dispositions) {
    nlohmann::ordered_json json;
    const auto add = [&](const char* key, const std::string& text) {
      if (!text.empty()) json[key] = text;
    };
    add("given", each.given);
    add("value", each.value);
    json["does"] = sd_scripts::DoesName(each.does);
    add("option", each.option);
    add("option_value", each.option_value);
    add("reason", each.reason);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace atelier::client
