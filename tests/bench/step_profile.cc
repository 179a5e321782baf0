// Where the time of a training step goes: runs a job as `atelier-trainer run`
// does and prints, on standard error, the operators by the time spent in each
// itself, without what it called.
//
//   step_profile --job FILE --output_dir DIR [--option value…]
//
// Nearly all operators run forward in one thread and backward in another that
// waits for it, so that the times of both add up to the step. Counting starts
// with the second step: the first fills the caches and makes buffers.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/bench/operator_times.h"
#include "trainer/job/process_settings.h"
#include "trainer/train/run_job.h"
#include "trainer/worker/run_alone.h"

namespace atelier::trainer {
namespace {

// Passes events on and counts the steps.
class CountingSink : public EventSink {
 public:
  CountingSink(EventSink& next, int& steps) : next_(next), steps_(steps) {}

  void Send(Event event) override {
    if (std::holds_alternative<StepDone>(event.kind) && ++steps_ == 1) {
      BeginOperatorTimes();
    }
    next_.Send(std::move(event));
  }

 private:
  EventSink& next_;
  int& steps_;
};

void Print(int steps) {
  std::fprintf(stderr, "%10s %10s  %s\n", "s/step", "calls/step", "operator");
  for (const auto& [name, time] : OperatorTimes()) {
    const double seconds = time.seconds / steps;
    if (seconds < 1e-3) break;
    std::fprintf(stderr, "%10.3f %10.1f  %s\n", seconds,
                 static_cast<double>(time.calls) / steps, name.c_str());
  }
}

int Main(const std::vector<std::string>& arguments) {
  RecordOperatorTimes();
  int steps = 0;
  const auto train = [&steps](const RunRequest& request, EventSink& events,
                              StopToken& stop) {
    CountingSink counting(events, steps);
    RunContext context;
    context.output_dir = request.output_dir;
    context.tokenizer_dir = ATELIER_TOKENIZER_DIR;
    return RunJob(request.spec, context, counting, stop);
  };
  const int code = RunAlone(arguments, train);
  Print(std::max(1, steps - 1));
  return code;
}

}  // namespace
}  // namespace atelier::trainer

int main(int argc, char** argv) {
  atelier::trainer::SettleProcess(argv);
  return atelier::trainer::Main({argv + 1, argv + argc});
}
