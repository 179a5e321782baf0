#include "client/help.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "client/command_table.h"

namespace atelier::client {
namespace {

constexpr absl::string_view kIntroduction =
    R"(atelier: fine-tunes diffusion models through the daemon atelierd

  atelier submit sd1 --config job.toml --watch
  atelier submit sd1 --pretrained_model_name_or_path sd15.safetensors \
      --dataset_config cats.toml --output_name cats --max_train_steps 2000
  atelier submit -- accelerate launch sdxl_train.py …
  atelier watch 7

)";

constexpr absl::string_view kCommandHint =
    R"(
After -- stands a training command of sd-scripts as it is, its words or one
quoted text. What is ignored, and why, is said on standard error.
)";

constexpr absl::string_view kOptionsHint =
    R"(
Training options follow as flags: --NAME VALUE, switches as --NAME. They are
explained by `atelier options ARCHITECTURE`.
)";

std::string FlagLine(const Flag& flag) {
  std::string left = flag.letter == '\0'
                         ? absl::StrCat("--", flag.name)
                         : absl::StrFormat("-%c, --%s", flag.letter, flag.name);
  if (flag.value_is_optional) {
    absl::StrAppend(&left, " [", flag.value_name, "]");
  } else if (!flag.value_name.empty()) {
    absl::StrAppend(&left, " ", flag.value_name);
  }
  return absl::StrFormat("  %-24s %s\n", left, flag.help);
}

}  // namespace

std::string ProgramHelp() {
  std::string out(kIntroduction);
  for (const Command& command : AllCommands()) {
    absl::StrAppend(
        &out, absl::StrFormat("  %-12s %s\n", command.name, command.summary));
  }
  absl::StrAppend(&out, absl::StrFormat("  %-12s %s\n", "help",
                                        "Explains a command: help COMMAND"));
  absl::StrAppend(&out, "\nEvery command has:\n");
  for (const Flag& flag : CommonFlags()) absl::StrAppend(&out, FlagLine(flag));
  return out;
}

std::string CommandHelp(const Command& command) {
  const Signature& signature = command.signature;
  std::string out = absl::StrCat(
      command.summary, "\n\nusage: atelier ", command.name,
      signature.arguments.empty() ? "" : " ", signature.arguments, " [flags]",
      signature.takes_command ? " [-- COMMAND]\n\n" : "\n\n");
  for (const Flag& flag : signature.flags) {
    absl::StrAppend(&out, FlagLine(flag));
  }
  for (const Flag& flag : CommonFlags()) absl::StrAppend(&out, FlagLine(flag));
  if (signature.takes_options) absl::StrAppend(&out, kOptionsHint);
  if (signature.takes_command) absl::StrAppend(&out, kCommandHint);
  return out;
}

}  // namespace atelier::client
