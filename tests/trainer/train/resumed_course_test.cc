// A run that is stopped and resumed says and keeps what one that was not does:
// validations, averages, the best checkpoint, losses of images.
#include <cstdlib>
#include <map>

#include "tests/trainer/train/train_fixture.h"

namespace atelier::trainer {
namespace {

using testing::FileBytes;
using testing::RecordedEvents;
using testing::TrainTest;

// What a run says of each step and validation, without times.
using Told = std::map<int64_t, std::string>;
void AddTold(const RecordedEvents& events, Told& steps, Told& validations) {
  for (const Event& event : events.events) {
    if (const auto* step = std::get_if<StepDone>(&event.kind)) {
      steps[event.step] = absl::StrCat(step->loss, " ", step->smoothed_loss,
                                       " ", step->lr, " ", step->grad_norm);
    }
    if (const auto* validated = std::get_if<Validated>(&event.kind)) {
      std::string text =
          absl::StrCat(validated->best_loss, " ", validated->best_step, " ",
                       validated->without_improvement);
      for (const Validated::Row& row : validated->rows) {
        absl::StrAppend(&text, " ", row.loss, " ", row.train_loss);
      }
      validations[event.step] = text;
    }
  }
}

// Averages, best, ledger, patience: all of it goes on where it was, wherever
// the run was stopped, in the middle of a validation too.
TEST_F(TrainTest, AStoppedRunEndsAsOneThatWasNot) {
  const auto job = [&](const std::string& output) {
    v1::JobSpec spec = Spec(output);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_dataset()->set_validation_split(0.4);
    config.mutable_validation()->set_validate_every_n_steps(2);
    config.mutable_run()->set_ema_decay("0.5,0.9");
    config.mutable_run()->set_ema_warmup(true);
    config.mutable_run()->set_on_nonfinite("rollback");
    config.mutable_run()->set_loss_spike_threshold(1000);
    config.mutable_run()->set_guard_every_n_steps(3);
    config.mutable_validation()->set_keep_best(true);
    config.mutable_validation()->set_early_stop_patience(10);
    config.mutable_output()->set_save_state(true);
    return spec;
  };
  ASSERT_TRUE(Run(job("whole")).ok());
  Told steps;
  Told validations;
  AddTold(events_, steps, validations);
  ASSERT_EQ(validations.size(), 3u);
  for (const int64_t stop_at : {3, -4}) {
    SCOPED_TRACE(stop_at);
    const std::string output = absl::StrCat("stopped", stop_at);
    StopToken stop;
    RecordedEvents first;
    first.on_event = [&](const Event& event) {
      const auto* phase = std::get_if<PhaseProgress>(&event.kind);
      const bool now = stop_at > 0
                           ? std::holds_alternative<StepDone>(event.kind)
                           : phase != nullptr && phase->phase == "validating";
      if (now && event.step == std::abs(stop_at)) stop.RequestStop();
    };
    RunContext context;
    context.output_dir = dir_.File(output);
    context.tokenizer_dir = ATELIER_TOKENIZER_DIR;
    ASSERT_TRUE(absl::IsCancelled(RunJob(job(output), context, first, stop)));
    events_.events.clear();
    const absl::Status resumed = Run(job(output), /*from_newest=*/true);
    ASSERT_TRUE(resumed.ok()) << resumed;
    for (const char* file :
         {"t.safetensors", "t-ema0.5.safetensors", "t-ema0.9.safetensors",
          "t-best.safetensors", "t-state/optimizer.safetensors",
          "t-state/ema.safetensors", "t-state/state.json",
          "loss_ledger.json"}) {
      EXPECT_TRUE(FileBytes(Out("whole", file)) == FileBytes(Out(output, file)))
          << file;
    }
    Told steps_again;
    Told validations_again;
    AddTold(first, steps_again, validations_again);
    AddTold(events_, steps_again, validations_again);
    EXPECT_EQ(steps, steps_again);
    EXPECT_EQ(validations, validations_again);
  }
}

}  // namespace
}  // namespace atelier::trainer
