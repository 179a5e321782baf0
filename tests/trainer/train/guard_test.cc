// Going back: a batch that spoils the loss is left out, and the run says so.
#include "trainer/train/hooks/guard.h"

#include <limits>
#include <map>
#include <memory>

#include "tests/trainer/train/train_fixture.h"
#include "trainer/train/caching.h"
#include "trainer/train/resume.h"
#include "trainer/train/trainer.h"

namespace atelier::trainer {
namespace {

using testing::FileBytes;
using ::testing::HasSubstr;
using testing::RecordedEvents;
using testing::TrainTest;

// The recipe of the model, but for one batch, which it remembers by its
// latents: the one that is drawn at `bad_step`. Its losses are multiplied. (The
// latents of an image are drawn anew in every epoch.)
class SpoiledRecipe : public Recipe {
 public:
  SpoiledRecipe(std::unique_ptr<Recipe> recipe, uint64_t bad_step,
                double factor)
      : recipe_(std::move(recipe)), bad_step_(bad_step), factor_(factor) {}

  NoiseLevels SampleNoiseLevels(const Tensor& latents,
                                const BatchRng& rng) const override {
    return recipe_->SampleNoiseLevels(latents, rng);
  }
  NoiseLevels LevelsAt(const Tensor& timesteps) const override {
    return recipe_->LevelsAt(timesteps);
  }
  Noise SampleNoise(const Tensor& latents, const BatchRng& rng) const override {
    if (rng.step == bad_step_ && !bad_.defined()) bad_ = latents.clone();
    spoils_ = bad_.defined() && bad_.sizes() == latents.sizes() &&
              bad_.equal(latents);
    return recipe_->SampleNoise(latents, rng);
  }
  Tensor AddNoise(const Tensor& latents, const Tensor& noise,
                  const NoiseLevels& levels) const override {
    return recipe_->AddNoise(latents, noise, levels);
  }
  Tensor Target(const Tensor& latents, const Tensor& noise,
                const NoiseLevels& levels) const override {
    return recipe_->Target(latents, noise, levels);
  }
  Tensor SampleLosses(const Tensor& prediction, const Tensor& target,
                      const NoiseLevels& levels, const Tensor& weights,
                      const Tensor& mask) const override {
    const Tensor losses =
        recipe_->SampleLosses(prediction, target, levels, weights, mask);
    return spoils_ ? losses * factor_ : losses;
  }
  absl::StatusOr<Tensor> Preview(Denoiser& denoiser,
                                 const PreviewRequest& request,
                                 torch::Device device) const override {
    return recipe_->Preview(denoiser, request, device);
  }
  std::vector<std::string> Samplers() const override {
    return recipe_->Samplers();
  }

 private:
  std::unique_ptr<Recipe> recipe_;
  uint64_t bad_step_;
  double factor_;
  mutable Tensor bad_;
  mutable bool spoils_ = false;
};

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class GuardTest : public TrainTest {
 protected:
  v1::JobSpec Guarded(const std::string& output) {
    v1::JobSpec spec = Spec(output);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_run()->set_on_nonfinite("rollback");
    config.mutable_run()->set_guard_every_n_steps(2);
    config.mutable_output()->set_save_state(true);
    config.mutable_dataset()->set_train_batch_size(1);
    return spec;
  }

  // RunJob with a spoiled recipe; goes on from the newest state.
  absl::Status RunSpoiled(const v1::JobSpec& spec, uint64_t bad_step,
                          double factor, EventSink& events, StopToken& stop) {
    Reporter reporter(events, stop);
    const std::string& output = spec.training().output().output_dir();
    std::filesystem::create_directories(output);
    auto manifest = Manifest::Open(output);
    auto training = SetUpTraining(spec, ATELIER_TOKENIZER_DIR, reporter);
    if (!training.ok()) return training.status();
    Training& made = **training;
    made.model.recipe = std::make_unique<SpoiledRecipe>(
        std::move(made.model.recipe), bad_step, factor);
    auto samples = SampleHook::Make(made, output, reporter);
    const absl::Status cached = CacheLatents(made, reporter);
    if (!cached.ok()) return cached;
    Progress progress;
    const auto state = FindStateToResume(made, output, true, reporter);
    if (state.ok() && state->has_value()) {
      const auto loaded = LoadTrainingState(made, **state, reporter);
      if (!loaded.ok()) return loaded.status();
      progress = *loaded;
    }
    CheckpointHook checkpoints(made, output, *std::move(manifest), reporter);
    Trainer trainer(made, progress, checkpoints, *samples, output, reporter);
    return trainer.Run();
  }

  // Losses by step, the newest of each.
  static std::map<int64_t, double> Losses(const RecordedEvents& events) {
    std::map<int64_t, double> losses;
    for (const Event& event : events.events) {
      if (const auto* step = std::get_if<StepDone>(&event.kind)) {
        losses[event.step] = step->loss;
      }
    }
    return losses;
  }
};

TEST_F(GuardTest, ABatchThatSpoilsTheLossIsLeftOut) {
  const absl::Status status =
      RunSpoiled(Guarded("out"), 3, kNan, events_, stop_);
  ASSERT_TRUE(status.ok()) << status;
  const auto warnings = events_.Of<Warning>();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0].message, HasSubstr("the loss of step 4 is nan"));
  EXPECT_THAT(warnings[0].message, HasSubstr("goes back to step 2"));
  EXPECT_THAT(warnings[0].message, HasSubstr("batch 4 of epoch 1"));
  // Steps 1, 2, 3, then 3, 4, 5, 6 with the batches after.
  const auto steps = events_.Of<StepDone>();
  EXPECT_EQ(steps.size(), 7u);
  for (const StepDone& step : steps) EXPECT_FALSE(step.skipped);
  EXPECT_TRUE(std::filesystem::exists(Out("out", "t.safetensors")));
  EXPECT_FALSE(std::filesystem::exists(Out("out", "guard-state")));
  // Five batches an epoch, one left out: the fifth step is the second epoch's.
  EXPECT_EQ(steps.back().epoch, 2);
  EXPECT_EQ(steps[steps.size() - 2].epoch, 2);
}

TEST_F(GuardTest, WhatWasTrainedAgainIsTheSame) {
  const absl::Status status =
      RunSpoiled(Guarded("out"), 3, kNan, events_, stop_);
  ASSERT_TRUE(status.ok()) << status;
  const auto steps = events_.Of<StepDone>();
  EXPECT_EQ(steps[2].loss, steps[3].loss);
  EXPECT_EQ(steps[2].grad_norm, steps[3].grad_norm);
}

// The fifth batch of five: what is due at the epoch's end is done all the same.
TEST_F(GuardTest, AnEpochWhoseLastBatchIsLeftOutEnds) {
  v1::JobSpec spec = Guarded("out");
  v1::OutputOptions& output = *spec.mutable_training()->mutable_output();
  output.set_save_every_n_epochs(1);
  output.set_save_state(false);
  const absl::Status status = RunSpoiled(spec, 4, kNan, events_, stop_);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(std::filesystem::exists(Out("out", "t-000001.safetensors")));
  std::vector<int64_t> epochs;
  for (const StepDone& step : events_.Of<StepDone>()) {
    epochs.push_back(step.epoch);
  }
  EXPECT_THAT(epochs, ::testing::ElementsAre(1, 1, 1, 1, 2, 2));
}

TEST_F(GuardTest, TheSameHoldsForUpdatesDuringBackward) {
  for (const bool fused : {false, true}) {
    v1::JobSpec spec = Guarded(fused ? "fused" : "plain");
    spec.mutable_training()->mutable_run()->set_blockwise_fused_optimizers(
        fused);
    // A single pass: weights are spoiled before the loss is known.
    spec.mutable_training()->mutable_optimizer()->set_max_grad_norm(0);
    const absl::Status status = RunSpoiled(spec, 3, kNan, events_, stop_);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_TRUE(FileBytes(Out("plain", "t-state/model.safetensors")) ==
              FileBytes(Out("fused", "t-state/model.safetensors")));
}

TEST_F(GuardTest, ARunThatIsStoppedAfterwardsLeavesTheBatchOutToo) {
  ASSERT_TRUE(RunSpoiled(Guarded("whole"), 3, kNan, events_, stop_).ok());
  RecordedEvents first;
  StopToken stop;
  bool went_back = false;
  first.on_event = [&](const Event& event) {
    went_back = went_back || std::holds_alternative<Warning>(event.kind);
    if (went_back && std::holds_alternative<StepDone>(event.kind)) {
      stop.RequestStop();
    }
  };
  ASSERT_TRUE(
      absl::IsCancelled(RunSpoiled(Guarded("stopped"), 3, kNan, first, stop)));
  RecordedEvents second;
  StopToken go_on;
  // The recipe has forgotten the batch; it must not come at all.
  ASSERT_TRUE(RunSpoiled(Guarded("stopped"), 1000, kNan, second, go_on).ok());
  EXPECT_TRUE(FileBytes(Out("whole", "t.safetensors")) ==
              FileBytes(Out("stopped", "t.safetensors")));
}

TEST_F(GuardTest, ALossFarAboveTheUsualIsASpike) {
  for (const bool watches : {false, true}) {
    RecordedEvents events;
    v1::JobSpec spec = Guarded(watches ? "watches" : "blind");
    v1::RunOptions& run = *spec.mutable_training()->mutable_run();
    run.set_max_train_steps(30);
    run.set_guard_every_n_steps(10);
    run.set_loss_ledger(false);
    // One part of the range: what is usual there is known soon.
    spec.mutable_training()->mutable_loss()->set_min_timestep(450);
    spec.mutable_training()->mutable_loss()->set_max_timestep(500);
    if (watches) run.set_loss_spike_threshold(20);
    spec.mutable_training()->mutable_optimizer()->set_learning_rate(1e-5);
    ASSERT_TRUE(RunSpoiled(spec, 24, 1000, events, stop_).ok());
    const auto warnings = events.Of<Warning>();
    ASSERT_EQ(warnings.size(), watches ? 1u : 0u);
    double highest = 0;
    for (const auto& [step, loss] : Losses(events)) {
      highest = std::max(highest, loss);
    }
    EXPECT_EQ(highest > 100, !watches);
    if (!watches) continue;
    EXPECT_THAT(warnings[0].message, HasSubstr("a spike"));
    EXPECT_THAT(warnings[0].message, HasSubstr("goes back to step 20"));
  }
}

TEST_F(GuardTest, TheRunEndsWhenGoingBackDoesNotHelp) {
  v1::JobSpec spec = Guarded("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_run()->set_max_rollbacks(2);
  config.mutable_optimizer()->set_learning_rate(1e30);
  config.mutable_optimizer()->set_max_grad_norm(0);
  config.mutable_optimizer()->set_lr_scheduler("constant");
  config.mutable_optimizer()->set_lr_warmup_steps("0");
  const absl::Status status = Run(spec);
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("went back 2 times already (max_rollbacks)"));
  EXPECT_EQ(events_.Of<Warning>().size(), 2u);
}

}  // namespace
}  // namespace atelier::trainer
