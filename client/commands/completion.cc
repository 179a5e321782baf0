#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "client/command_table.h"
#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "proto/cc/options_schema.h"

namespace atelier::client {
namespace {

// bash, https://www.gnu.org/software/bash/manual/bash.html, part 8.6. Words
// after a flag whose value is a path are completed as files.
constexpr absl::string_view kScript = R"(_atelier() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local command=${COMP_WORDS[1]} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "@COMMANDS@" -- "$word"))
    return
  fi
  case $before in
    @PATHS@) COMPREPLY=($(compgen -f -- "$word")); return ;;
@CHOICES@  esac
  case $command in
@FLAGS@  esac
  if ((COMP_CWORD == 2)) && [[ $command == submit || $command == options ]]; then
    words="$words @ARCHITECTURES@"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o filenames -F _atelier atelier
)";

std::string FlagWords(const Command& command) {
  std::vector<std::string> words;
  for (const Flag& flag : command.signature.flags) {
    words.push_back(absl::StrCat("--", flag.name));
  }
  for (const Flag& flag : CommonFlags()) {
    words.push_back(absl::StrCat("--", flag.name));
  }
  if (command.signature.takes_options) {
    for (const Option& option : AllOptions()) {
      words.push_back(absl::StrCat("--", option.name));
    }
  }
  return absl::StrJoin(words, " ");
}

std::string BashScript() {
  std::vector<std::string> commands;
  std::string flags;
  for (const Command& command : AllCommands()) {
    commands.push_back(command.name);
    absl::StrAppend(&flags, "    ", command.name, ") words=\"",
                    FlagWords(command), "\" ;;\n");
  }
  std::vector<std::string> paths = {"--config", "--config-file",
                                    "--command-file", "--download"};
  std::string choices;
  for (const Option& option : AllOptions()) {
    if (option.info.path() != v1::PATH_KIND_UNSPECIFIED) {
      paths.push_back(absl::StrCat("--", option.name));
    } else if (option.info.choices_size() > 0) {
      absl::StrAppend(&choices, "    --", option.name,
                      ") COMPREPLY=($(compgen -W \"",
                      absl::StrJoin(option.info.choices(), " "),
                      "\" -- \"$word\")); return ;;\n");
    }
  }
  return absl::StrReplaceAll(
      kScript, {{"@COMMANDS@", absl::StrJoin(commands, " ")},
                {"@PATHS@", absl::StrJoin(paths, "|")},
                {"@CHOICES@", choices},
                {"@FLAGS@", flags},
                {"@ARCHITECTURES@", absl::StrJoin(ArchitectureNames(), " ")}});
}

absl::StatusOr<int> RunCompletion(const Invocation& invocation) {
  const std::string& shell = invocation.arguments.positional[0];
  if (shell != "bash") {
    return absl::InvalidArgumentError(
        absl::StrCat("shell is \"", shell, "\"; must be bash"));
  }
  invocation.context.out << BashScript() << std::flush;
  return kExitOk;
}

}  // namespace

Command CompletionCommand() {
  return {"completion",
          "Prints a completion script: source <(atelier completion bash)",
          {"bash", 1, 1, {}},
          RunCompletion};
}

}  // namespace atelier::client
