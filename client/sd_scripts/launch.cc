#include "client/sd_scripts/launch.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

#include "client/sd_scripts/accelerate_settings.h"
#include "client/sd_scripts/script.h"
#include "client/sd_scripts/shell_word.h"
#include "client/sd_scripts/shown_text.h"
#include "proto/cc/status_macros.h"

namespace atelier::client::sd_scripts {
namespace {

constexpr char kExpected[] =
    "expected `accelerate launch … sdxl_train.py …`, `python sdxl_train.py …` "
    "or the script itself";

std::string ProgramName(absl::string_view word) {
  std::string name = absl::AsciiStrToLower(BaseName(word));
  return std::string(absl::StripSuffix(name, ".exe"));
}

bool IsAssignmentWord(absl::string_view word) {
  const size_t equals = word.find('=');
  return equals != word.npos && equals > 0 &&
         !absl::ascii_isdigit(static_cast<unsigned char>(word[0])) &&
         std::all_of(word.begin(), word.begin() + equals, IsNameByte);
}

bool IsPython(absl::string_view name) {
  if (name == "py") return true;
  return absl::ConsumePrefix(&name, "python") &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isdigit(c) || c == '.' || c == 'w';
         });
}

class LaunchReader {
 public:
  LaunchReader(absl::Span<const std::string> words,
               const Surroundings& surroundings)
      : words_(words), surroundings_(surroundings) {}

  absl::StatusOr<Launch> Read() {
    SkipWrappers();
    if (words_.empty()) return Nothing("the command is empty");
    std::string first = Take();
    // A notebook runs what follows ! in a shell.
    if (absl::StartsWith(first, "!")) first.erase(0, 1);
    const std::string name = ProgramName(first);
    if (absl::EndsWith(name, ".py")) return Finish(first);
    if (name == "accelerate") return Accelerate();
    if (IsPython(name)) return Python();
    const bool is_parallel = name == "torchrun" || name == "deepspeed" ||
                             name == "mpirun" || name == "horovodrun";
    return Nothing(absl::StrCat(
        "`", ShownText(name), "` ",
        is_parallel ? "starts several processes, where a single one trains"
                    : "starts no training script"));
  }

 private:
  std::string Take() {
    const std::string word = words_.front();
    words_.remove_prefix(1);
    return word;
  }

  // What stands before the program itself.
  void SkipWrappers() {
    while (!words_.empty()) {
      const std::string& word = words_.front();
      const std::string name = ProgramName(word);
      const bool is_run = words_.size() > 1 && words_[1] == "run" &&
                          (name == "uv" || name == "poetry" ||
                           name == "pipenv" || name == "pdm");
      if (IsAssignmentWord(word)) {
        AddEnvironment(word);
      } else if (is_run) {
        words_.remove_prefix(1);
      } else if (name != "nohup" && name != "time" && name != "env" &&
                 name != "exec" && name != "sudo" && name != "call" &&
                 name != "!" && name != "$" && name != "&") {
        return;
      }
      words_.remove_prefix(1);
    }
  }

  void AddEnvironment(const std::string& word) {
    const size_t equals = word.find('=');
    Disposition disposition;
    disposition.does = Does::kIgnored;
    disposition.given = word.substr(0, equals);
    disposition.value = word.substr(equals + 1);
    disposition.reason = disposition.given == "CUDA_VISIBLE_DEVICES"
                             ? "the daemon leases the devices"
                             : "a worker has the daemon's environment";
    launch_.dispositions.push_back(std::move(disposition));
  }

  absl::StatusOr<Launch> Accelerate() {
    if (words_.empty() || words_.front() != "launch") {
      return Nothing("`accelerate` starts a script as `accelerate launch`");
    }
    words_.remove_prefix(1);
    return Launched();
  }

  absl::StatusOr<Launch> Launched() {
    AccelerateSettings settings;
    RETURN_IF_ERROR(TakeAccelerateSettings(&words_, surroundings_, &settings));
    launch_.uses_cpu = settings.uses_cpu;
    launch_.dispositions.insert(launch_.dispositions.end(),
                                settings.dispositions.begin(),
                                settings.dispositions.end());
    if (words_.empty()) return Nothing("accelerate launch has no script");
    const std::string script = Take();
    return settings.is_module ? FinishModule(script) : Finish(script);
  }

  // Python's own flags, https://docs.python.org/3/using/cmdline.html.
  absl::StatusOr<Launch> Python() {
    while (!words_.empty() && absl::StartsWith(words_.front(), "-")) {
      const std::string flag = Take();
      if (flag == "-c") return Nothing("`python -c` runs code, not a script");
      if ((flag == "-X" || flag == "-W") && !words_.empty()) Take();
      if (flag != "-m") continue;
      if (words_.empty()) return Nothing("`python -m` has no module");
      const std::string module = Take();
      if (module == "accelerate.commands.launch") return Launched();
      if (module == "accelerate" ||
          module == "accelerate.commands.accelerate_cli") {
        return Accelerate();
      }
      if (absl::StartsWith(module, "torch.distributed")) {
        return Nothing(absl::StrCat(
            "`", module,
            "` starts several processes, where a single one trains"));
      }
      return FinishModule(module);
    }
    if (words_.empty()) return Nothing("`python` has no script");
    return Finish(Take());
  }

  absl::StatusOr<Launch> FinishModule(const std::string& module) {
    return Finish(
        absl::StrCat(absl::StrReplaceAll(module, {{".", "/"}}), ".py"));
  }

  absl::StatusOr<Launch> Finish(const std::string& script) {
    launch_.script = script;
    launch_.arguments.assign(words_.begin(), words_.end());
    return std::move(launch_);
  }

  static absl::Status Nothing(absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(what, "; ", kExpected));
  }

  absl::Span<const std::string> words_;
  const Surroundings& surroundings_;
  Launch launch_;
};

}  // namespace

absl::StatusOr<Launch> ReadLaunch(absl::Span<const std::string> words,
                                  const Surroundings& surroundings) {
  return LaunchReader(words, surroundings).Read();
}

}  // namespace atelier::client::sd_scripts
