#include "client/command_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "client/client_config.h"
#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/help.h"
#include "client/output/json.h"
#include "client/output/text.h"
#include "proto/cc/error_details.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"

namespace atelier::client {
namespace {

const Command* FindCommand(absl::string_view name) {
  const auto commands = AllCommands();
  const auto found =
      std::find_if(commands.begin(), commands.end(),
                   [&](const Command& each) { return each.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

absl::Status UnknownCommand(absl::string_view name) {
  std::vector<std::string> names = {"help"};
  for (const Command& command : AllCommands()) names.push_back(command.name);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown command ", name, DidYouMean(name, names)));
}

void PrintError(const absl::Status& status, bool json, Context& context) {
  if (json) {
    context.err << ErrorToJson(status).dump(
                       -1, ' ', true,
                       nlohmann::ordered_json::error_handler_t::replace)
                << std::endl;
    return;
  }
  const std::vector<Violation> violations = ViolationsOf(status);
  for (const Violation& violation : violations) {
    context.err << "error: " << Printable(violation.message) << "\n";
  }
  if (violations.empty()) {
    context.err << "error: " << Printable(status.message()) << "\n";
  }
  context.err << std::flush;
}

absl::StatusOr<int> RunHelp(absl::Span<const std::string> tokens,
                            Context& context) {
  if (tokens.empty()) {
    context.out << ProgramHelp() << std::flush;
    return kExitOk;
  }
  const Command* command = FindCommand(tokens[0]);
  if (command == nullptr) return UnknownCommand(tokens[0]);
  context.out << CommandHelp(*command) << std::flush;
  return kExitOk;
}

absl::StatusOr<int> Dispatch(absl::Span<const std::string> tokens,
                             Context& context) {
  const std::string name = tokens.empty() ? "help" : tokens[0];
  if (!tokens.empty()) tokens.remove_prefix(1);
  if (name == "help" || name == "--help" || name == "-h") {
    return RunHelp(tokens, context);
  }
  const Command* command = FindCommand(name == "--version" ? "version" : name);
  if (command == nullptr) return UnknownCommand(name);
  ASSIGN_OR_RETURN(const Arguments arguments,
                   ParseArguments(command->signature, tokens));
  if (arguments.Has("help")) {
    context.out << CommandHelp(*command) << std::flush;
    return kExitOk;
  }
  return command->run(Invocation{arguments, context});
}

}  // namespace

absl::Span<const Command> AllCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      SubmitCommand(),    ConvertCommand(), ListCommand(),
      ShowCommand(),      WatchCommand(),   LogsCommand(),
      WaitCommand(),      CancelCommand(),  SamplesCommand(),
      WhyCommand(),       HoldCommand(),    ReleaseCommand(),
      RequeueCommand(),   UpdateCommand(),  CheckpointsCommand(),
      OptionsCommand(),   DatasetCommand(), GpusCommand(),
      TopCommand(),       ServerCommand(),  UsersCommand(),
      WhoAmICommand(),    AdminCommand(),   VersionCommand(),
      CompletionCommand()};
  return *kCommands;
}

absl::StatusOr<std::unique_ptr<Connection>> Invocation::Connect() const {
  ASSIGN_OR_RETURN(std::string address,
                   ServerAddress(arguments.Value("server"), context));
  ASSIGN_OR_RETURN(Credentials credentials, ReadCredentials(context));
  return std::make_unique<Connection>(std::move(address), context,
                                      std::move(credentials));
}

int RunClient(absl::Span<const std::string> tokens, Context& context) {
  const absl::StatusOr<int> result = Dispatch(tokens, context);
  if (result.ok()) return *result;
  // Asked of the tokens, since they may be what does not parse.
  const bool json =
      std::find(tokens.begin(), tokens.end(), "--json") != tokens.end();
  PrintError(result.status(), json, context);
  return ExitCodeOf(result.status());
}

}  // namespace atelier::client
