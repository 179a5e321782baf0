#include "trainer/worker/run_alone.h"

#include <filesystem>
#include <iostream>
#include <random>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "proto/cc/error_details.h"
#include "proto/cc/job_file.h"
#include "proto/cc/option_paths.h"
#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/options_validate.h"
#include "proto/cc/status_macros.h"
#include "trainer/worker/exit_code.h"
#include "trainer/worker/json_events.h"
#include "trainer/worker/log_events.h"
#include "trainer/worker/stop_signals.h"

namespace atelier::trainer {
namespace {

// Passes events on and remembers the newest step.
class NewestStep : public EventSink {
 public:
  explicit NewestStep(EventSink& next) : next_(next) {}
  void Send(Event event) override {
    step = event.step;
    next_.Send(std::move(event));
  }

  int64_t step = 0;

 private:
  EventSink& next_;
};

// Takes `--job FILE` out of the arguments.
absl::StatusOr<std::string> TakeJobFile(std::vector<std::string>& arguments) {
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] != "--job") continue;
    const std::string file = arguments[i + 1];
    arguments.erase(arguments.begin() + static_cast<ptrdiff_t>(i),
                    arguments.begin() + static_cast<ptrdiff_t>(i) + 2);
    return file;
  }
  return absl::InvalidArgumentError("--job FILE is missing");
}

}  // namespace

absl::StatusOr<v1::JobSpec> ReadJob(absl::Span<const std::string> arguments) {
  std::vector<std::string> flags(arguments.begin(), arguments.end());
  ASSIGN_OR_RETURN(const std::string file, TakeJobFile(flags));
  ASSIGN_OR_RETURN(v1::JobSpec spec, ReadJobFile(file));
  const std::string here = std::filesystem::current_path().string();
  v1::TrainingConfig given;
  std::vector<Violation> violations = OptionsFromFlags(flags, here, &given);
  RETURN_IF_ERROR(MakeBadRequest(violations));
  OverrideOptions(given, spec.mutable_training());
  MakePathsAbsolute(here, spec.mutable_training());
  RETURN_IF_ERROR(MakeBadRequest(ValidateJobSpec(spec)));
  for (const std::string& warning :
       OptionWarnings(spec.architecture(), spec.training())) {
    LogLine(absl::StrCat("warning: ", warning));
  }
  FillDefaults(spec.architecture(), spec.mutable_training(),
               [] { return static_cast<int64_t>(std::random_device()()); });
  RETURN_IF_ERROR(MakeBadRequest(CheckPaths(spec.training())));
  if (spec.training().output().output_dir().empty() &&
      !spec.training().run().warm_cache()) {
    return absl::InvalidArgumentError("output_dir is missing");
  }
  return spec;
}

int RunAlone(absl::Span<const std::string> arguments, const RunFunction& run) {
  static StopToken stop;
  StopOnSignals(stop);
  JsonEvents json(std::cout);
  NewestStep events(json);
  const absl::Time start = absl::Now();
  absl::StatusOr<v1::JobSpec> spec = ReadJob(arguments);
  absl::Status status = spec.status();
  if (status.ok()) {
    status = run({*spec, spec->training().output().output_dir(), false}, events,
                 stop);
  }
  if (!status.ok()) {
    LogLine(std::string(status.message()));
    if (!LocationTrail(status).empty()) {
      LogLine(absl::StrCat("raised at ", LocationTrail(status)));
    }
  }
  events.Send(DoneEvent(status, events.step,
                        absl::ToDoubleSeconds(absl::Now() - start)));
  return ExitCodeFor(status);
}

}  // namespace atelier::trainer
