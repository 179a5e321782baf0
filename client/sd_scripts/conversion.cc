#include "client/sd_scripts/conversion.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/sd_scripts/given_options.h"
#include "client/sd_scripts/launch.h"
#include "client/sd_scripts/option_mapping.h"
#include "client/sd_scripts/script_arguments.h"
#include "client/sd_scripts/script_config.h"
#include "client/sd_scripts/upstream_defaults.h"
#include "proto/cc/job_file.h"
#include "proto/cc/option_paths.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/status_macros.h"

namespace atelier::client::sd_scripts {
namespace {

absl::StatusOr<GivenOptions> ReadOptions(const Launch& launch,
                                         const Script& script,
                                         const Surroundings& surroundings) {
  GivenOptions given;
  std::vector<Violation> violations =
      ReadScriptArguments(launch.arguments, script, &given);
  if (given.Has("config_file")) {
    GivenOptions from_file;
    const std::vector<Violation> more = ReadScriptConfig(
        given.Value("config_file"), script, surroundings, &from_file);
    violations.insert(violations.end(), more.begin(), more.end());
    given.AddMissing(from_file);
  }
  RETURN_IF_ERROR(MakeBadRequest(violations));
  return given;
}

// Whether one of the words is a script's name, known or any.
bool NamesScript(const ShellCommand& command, bool known_only) {
  return std::any_of(
      command.words.begin(), command.words.end(), [&](const std::string& word) {
        return known_only ? IsKnownScript(word) : absl::EndsWith(word, ".py");
      });
}

// The one command that trains.
absl::StatusOr<const ShellCommand*> FindTraining(
    const std::vector<ShellCommand>& commands) {
  if (commands.empty()) {
    return absl::InvalidArgumentError("the text has no command");
  }
  if (commands.size() == 1) return &commands.front();
  for (const bool known_only : {true, false}) {
    std::vector<const ShellCommand*> found;
    for (const ShellCommand& command : commands) {
      if (NamesScript(command, known_only)) found.push_back(&command);
    }
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the text has ", found.size(), " commands that train, in lines ",
          found[0]->line, " and ", found[1]->line, "; a job is one of them"));
    }
  }
  return absl::InvalidArgumentError(
      "the text has no command that starts a training script");
}

Disposition NotRun(const ShellCommand& command) {
  Disposition disposition;
  disposition.does = Does::kIgnored;
  disposition.given = absl::StrCat("`", absl::StrJoin(command.words, " "), "`");
  disposition.reason = "of the text only the training command counts";
  return disposition;
}

}  // namespace

absl::StatusOr<Conversion> ConvertWords(absl::Span<const std::string> words,
                                        const Surroundings& surroundings) {
  ASSIGN_OR_RETURN(const Launch launch, ReadLaunch(words, surroundings));
  Conversion conversion;
  ASSIGN_OR_RETURN(conversion.script, FindScript(launch.script));
  const Script& script = *conversion.script;
  conversion.dispositions = launch.dispositions;
  ASSIGN_OR_RETURN(const GivenOptions given,
                   ReadOptions(launch, script, surroundings));
  conversion.spec.set_architecture(given.Has("v2") && script.architecture ==
                                                          v1::ARCHITECTURE_SD1
                                       ? v1::ARCHITECTURE_SD2
                                       : script.architecture);
  v1::TrainingConfig* training = conversion.spec.mutable_training();
  const Reading reading{given, script, conversion.spec.architecture(),
                        surroundings};
  RETURN_IF_ERROR(
      MakeBadRequest(MapOptions(reading, training, &conversion.dispositions)));
  AddUpstreamDefaults(reading, training, &conversion.dispositions);
  if (launch.uses_cpu) training->mutable_run()->set_device("cpu");
  MakePathsAbsolute(surroundings.cwd, training);
  return conversion;
}

absl::StatusOr<Conversion> ConvertText(absl::string_view text,
                                       const Surroundings& surroundings) {
  ASSIGN_OR_RETURN(const std::vector<ShellCommand> commands,
                   ReadShellText(text, surroundings.environment));
  ASSIGN_OR_RETURN(const ShellCommand* training, FindTraining(commands));
  std::vector<std::string> words = training->assignments;
  words.insert(words.end(), training->words.begin(), training->words.end());
  Surroundings there = surroundings;
  there.cwd = AbsolutePath(surroundings, training->folder);
  ASSIGN_OR_RETURN(Conversion conversion, ConvertWords(words, there));
  for (const ShellCommand& command : commands) {
    if (&command != training) {
      conversion.dispositions.push_back(NotRun(command));
    }
  }
  return conversion;
}

std::vector<Violation> Refusals(const Conversion& conversion) {
  std::vector<Violation> violations;
  for (const Disposition& each : conversion.dispositions) {
    if (each.does != Does::kRefused) continue;
    violations.push_back({each.given, DispositionText(each)});
  }
  return violations;
}

std::string JobText(const Conversion& conversion) {
  std::string text =
      absl::StrCat("# From a command of ", conversion.script->file, ".\n");
  for (const Disposition* each : Notable(conversion.dispositions)) {
    absl::StrAppend(&text, "# ", DispositionText(*each), "\n");
  }
  return absl::StrCat(text, JobSpecToToml(conversion.spec));
}

}  // namespace atelier::client::sd_scripts
