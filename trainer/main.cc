// atelier-trainer: one fine-tuning run, alone or under the daemon.
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "trainer/dataset_check/check_dataset.h"
#include "trainer/job/process_settings.h"
#include "trainer/train/describe.h"
#include "trainer/train/run_job.h"
#include "trainer/worker/capabilities_to_proto.h"
#include "trainer/worker/dataset_check_command.h"
#include "trainer/worker/exit_code.h"
#include "trainer/worker/run_alone.h"
#include "trainer/worker/work.h"

namespace atelier::trainer {
namespace {

constexpr int kLowPriority = 10;
constexpr char kUsage[] =
    R"(atelier-trainer run --job FILE --output_dir DIR [--option value…]
    Runs a job file with no daemon; events as JSON lines on standard output.
atelier-trainer warm-cache --job FILE [--option value…]
    Fills the caches on disk that a job asks for, at low priority, and does not train.
atelier-trainer work --socket PATH --job ID --attempt N --token-file FILE --run-dir DIR
    Runs an attempt of a job under the daemon.
atelier-trainer dataset-check --architecture NAME [--job FILE] [--out DIR] [--quick] [--option value…]
    Looks at a dataset as training would; the report as JSON on standard output.
atelier-trainer --describe | --version | --help

Exit codes: 0 done, 64 invalid input, 70 internal error, 73 output cannot be written, 74 file cannot be
read, 75 lease expired, 76 device memory ran out, 77 host memory ran out, 78 loss not finite, 85 stopped
as asked, 86 fenced.
)";

// Of the environment, beside the installed program, or of the build.
std::string TokenizerDir() {
  if (const char* dir = std::getenv("ATELIER_TOKENIZERS")) return dir;
  std::error_code error;
  const std::filesystem::path program =
      std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path installed =
      program.parent_path() / "../share/atelier/tokenizers";
  if (std::filesystem::is_directory(installed, error)) {
    return installed.lexically_normal().string();
  }
  return ATELIER_TOKENIZER_DIR;
}

absl::Status Train(const RunRequest& request, EventSink& events,
                   StopToken& stop) {
  // Whatever trains meanwhile goes first.
  if (request.spec.training().run().warm_cache()) {
    setpriority(PRIO_PROCESS, 0, kLowPriority);
  }
  RunContext context;
  context.output_dir = request.output_dir;
  context.continue_from_newest_state = request.continue_from_newest_state;
  context.tokenizer_dir = TokenizerDir();
  return RunJob(request.spec, context, events, stop);
}

absl::StatusOr<std::string> Check(const DatasetCheckRequest& request) {
  DatasetCheckOptions options;
  options.picture_dir = request.picture_dir;
  options.is_quick = request.is_quick;
  options.tokenizer_dir = TokenizerDir();
  options.progress = request.progress;
  return CheckDataset(request.spec, options);
}

int FailUsage(const std::string& message) {
  std::cerr << "atelier-trainer: " << message << "\n\n" << kUsage;
  return kExitInvalidInput;
}

// `--name value` pairs; the names are those of `flags`.
std::string ReadFlags(const std::vector<std::string>& arguments,
                      std::map<std::string, std::string>& flags) {
  for (size_t i = 0; i < arguments.size(); i += 2) {
    const auto flag = flags.find(arguments[i]);
    if (flag == flags.end()) return "unknown flag " + arguments[i];
    if (i + 1 == arguments.size()) return arguments[i] + " needs a value";
    flag->second = arguments[i + 1];
  }
  for (const auto& [name, value] : flags) {
    if (value.empty()) return name + " is missing";
  }
  return "";
}

int WorkCommand(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> flags = {{"--socket", ""},
                                              {"--job", ""},
                                              {"--attempt", ""},
                                              {"--token-file", ""},
                                              {"--run-dir", ""}};
  if (const std::string error = ReadFlags(arguments, flags); !error.empty()) {
    return FailUsage(error);
  }
  WorkFlags work;
  work.socket_path = flags["--socket"];
  work.token_file = flags["--token-file"];
  work.run_dir = flags["--run-dir"];
  if (!absl::SimpleAtoi(flags["--job"], &work.job_id) ||
      !absl::SimpleAtoi(flags["--attempt"], &work.attempt)) {
    return FailUsage("--job and --attempt are numbers");
  }
  return Work(work, &Train);
}

int WarmCacheCommand(std::vector<std::string> arguments) {
  arguments.push_back("--warm_cache");
  return RunAlone(arguments, &Train);
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return FailUsage("a command is missing");
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  const std::string& command = arguments.front();
  if (command == "run") return RunAlone(rest, &Train);
  if (command == "warm-cache") return WarmCacheCommand(rest);
  if (command == "work") return WorkCommand(rest);
  if (command == "dataset-check") return DatasetCheckCommand(rest, &Check);
  if (command == "--describe") {
    std::cout << CapabilitiesJson(Describe()) << std::endl;
    return kExitOk;
  }
  if (command == "--version") {
    std::cout << "atelier-trainer " << ATELIER_VERSION << std::endl;
    return kExitOk;
  }
  if (command == "--help" || command == "-h") {
    std::cout << kUsage;
    return kExitOk;
  }
  return FailUsage(absl::StrCat("unknown command ", command));
}

}  // namespace
}  // namespace atelier::trainer

int main(int argc, char** argv) {
  using atelier::trainer::SettleProcess;
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "run" || command == "work") SettleProcess(argv);
  try {
    return atelier::trainer::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "atelier-trainer: " << error.what() << std::endl;
    return atelier::trainer::kExitInternal;
  }
}
