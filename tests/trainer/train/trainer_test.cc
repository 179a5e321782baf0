// The loop as its events and files show it.
#include <cmath>
#include <map>

#include "nlohmann/json.hpp"

#include "tests/trainer/train/train_fixture.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/train/output_folder.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TrainTest;

std::map<std::string, Tensor> ReadAll(const std::string& path) {
  std::map<std::string, Tensor> tensors;
  const auto source = OpenCheckpoint(path);
  EXPECT_TRUE(source.ok()) << source.status();
  if (!source.ok()) return tensors;
  for (const auto& [name, info] : (*source)->index()) {
    tensors[name] = (*source)->Read(name)->clone();
  }
  return tensors;
}

bool IsText(const std::string& name) {
  return name.rfind("cond_stage_model.", 0) == 0;
}
bool IsUnet(const std::string& name) {
  return name.rfind("model.diffusion_model.", 0) == 0;
}

// How many tensors for which `of` holds differ between two files.
template <typename Predicate>
int64_t Changed(const std::string& before, const std::string& after,
                Predicate of) {
  const auto old_tensors = ReadAll(before);
  int64_t changed = 0;
  for (const auto& [name, tensor] : ReadAll(after)) {
    if (of(name) && !tensor.equal(old_tensors.at(name))) ++changed;
  }
  return changed;
}

TEST_F(TrainTest, EveryStepIsReportedWithItsNumbers) {
  const v1::JobSpec spec = Spec("out");
  const absl::Status status = Run(spec);
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<StepDone> steps = events_.Of<StepDone>();
  ASSERT_EQ(steps.size(), 6u);
  EXPECT_EQ(steps[0].lr, 0);  // the first step of the warm-up
  EXPECT_NEAR(steps[1].lr, 0.25e-3, 1e-12);
  for (const StepDone& step : steps) {
    EXPECT_EQ(step.total_steps, 6);
    EXPECT_TRUE(std::isfinite(step.loss));
    EXPECT_GT(step.grad_norm, 0);
    EXPECT_GT(step.step_seconds, 0);
    EXPECT_GT(step.images_per_second, 0);
    EXPECT_GT(step.host_peak_bytes, 0);
    EXPECT_EQ(step.lr_groups.count("unet"), 1u);
    EXPECT_EQ(step.lr_groups.count("text_encoder"), 1u);
    for (const char* phase :
         {"data", "conditioning", "forward", "backward", "optimizer"}) {
      EXPECT_EQ(step.phase_seconds.count(phase), 1u) << phase;
    }
  }
  ASSERT_EQ(events_.Of<CheckpointSaved>().size(), 1u);
  EXPECT_EQ(events_.Of<CheckpointSaved>()[0].path, "t.safetensors");
  EXPECT_TRUE(events_.Of<CheckpointSaved>()[0].is_final);
}

TEST_F(TrainTest, EveryImageIsTrainedOnceAnEpoch) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_epochs(2);
  ASSERT_TRUE(Run(spec).ok());
  const std::vector<BucketsMade> buckets = events_.Of<BucketsMade>();
  ASSERT_EQ(buckets.size(), 1u);
  EXPECT_EQ(buckets[0].train_images, 5);
  EXPECT_EQ(buckets[0].batches_per_epoch, 3);
  const std::vector<StepDone> steps = events_.Of<StepDone>();
  ASSERT_EQ(steps.size(), 6u);
  double images = 0;
  for (const StepDone& step : steps) {
    if (step.epoch == 1) images += step.images_per_second * step.step_seconds;
  }
  EXPECT_NEAR(images, 5, 1e-6);
  EXPECT_EQ(steps[5].total_epochs, 2);
}

TEST_F(TrainTest, TheLastShortGroupOfAnEpochIsAStep) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_epochs(2);
  spec.mutable_training()->mutable_run()->set_gradient_accumulation_steps(2);
  ASSERT_TRUE(Run(spec).ok());
  std::vector<int64_t> epochs;
  for (const StepDone& step : events_.Of<StepDone>()) {
    epochs.push_back(step.epoch);
  }
  EXPECT_THAT(epochs, ElementsAre(1, 1, 2, 2));
}

TEST_F(TrainTest, LossFallsOnOneImage) {
  ASSERT_TRUE(testing::WriteTinyImages(dir_.File("one/1_thing"), 1).ok());
  v1::JobSpec spec = Spec("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_dataset()->set_train_data_dir(dir_.File("one"));
  config.mutable_dataset()->set_cache_latents(true);
  config.mutable_run()->set_max_train_steps(40);
  config.mutable_optimizer()->set_lr_scheduler("constant");
  config.mutable_optimizer()->set_lr_warmup_steps("0");
  ASSERT_TRUE(Run(spec).ok());
  const std::vector<StepDone> steps = events_.Of<StepDone>();
  double first = 0;
  double last = 0;
  for (int i = 0; i < 10; ++i) {
    first += steps[i].loss;
    last += steps[steps.size() - 1 - i].loss;
  }
  EXPECT_LT(last, 0.9 * first);
}

TEST_F(TrainTest, OnlyWhatIsTrainedChanges) {
  ASSERT_TRUE(Run(Spec("both")).ok());
  EXPECT_GT(Changed(Checkpoint(), Out("both", "t.safetensors"), IsUnet), 0);
  EXPECT_GT(Changed(Checkpoint(), Out("both", "t.safetensors"), IsText), 0);
  const auto is_rest = [](const std::string& name) {
    return !IsText(name) && !IsUnet(name);
  };
  EXPECT_EQ(Changed(Checkpoint(), Out("both", "t.safetensors"), is_rest), 0);
  v1::JobSpec spec = Spec("unet");
  spec.mutable_training()->mutable_optimizer()->set_learning_rate_te(0);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_EQ(Changed(Checkpoint(), Out("unet", "t.safetensors"), IsText), 0);
}

TEST_F(TrainTest, TheTextEncoderIsFrozenAfterItsLastStep) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_optimizer()->set_stop_text_encoder_training(
      3);
  spec.mutable_training()->mutable_output()->set_save_every_n_steps(1);
  ASSERT_TRUE(Run(spec).ok());
  const std::string third = Out("out", "t-step00000003.safetensors");
  EXPECT_GT(Changed(Out("out", "t-step00000002.safetensors"), third, IsText),
            0);
  EXPECT_EQ(Changed(third, Out("out", "t.safetensors"), IsText), 0);
  EXPECT_GT(Changed(third, Out("out", "t.safetensors"), IsUnet), 0);
  const std::vector<StepDone> steps = events_.Of<StepDone>();
  EXPECT_EQ(steps[2].lr_groups.count("text_encoder"), 1u);
  EXPECT_EQ(steps[3].lr_groups.count("text_encoder"), 0u);
}

TEST_F(TrainTest, WhatIsSavedWithoutTrainingIsWhatWasLoaded) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_steps(1);
  spec.mutable_training()->mutable_optimizer()->set_lr_warmup_steps("1");
  spec.mutable_training()->mutable_optimizer()->add_optimizer_args(
      "weight_decay=0");
  ASSERT_TRUE(Run(spec).ok());  // one step with a learning rate of 0
  const auto before = ReadAll(Checkpoint());
  const auto after = ReadAll(Out("out", "t.safetensors"));
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, tensor] : after) {
    EXPECT_TRUE(tensor.equal(before.at(name))) << name;
  }
}

// With clipping (two passes a step) and without (one).
TEST_F(TrainTest, WeightsUpdatedDuringBackwardAreTheSame) {
  for (const double norm : {0.0, 0.01}) {
    SCOPED_TRACE(norm);
    std::string weights[2];
    for (const bool fused : {false, true}) {
      const std::string out = absl::StrCat(fused ? "fused" : "plain", norm);
      v1::JobSpec spec = Spec(out);
      v1::TrainingConfig& config = *spec.mutable_training();
      config.mutable_run()->set_max_train_steps(3);
      config.mutable_run()->set_blockwise_fused_optimizers(fused);
      config.mutable_optimizer()->set_max_grad_norm(norm);
      config.mutable_output()->set_save_state(true);
      ASSERT_TRUE(Run(spec).ok());
      weights[fused] = FileBytes(Out(out, "t-state/model.safetensors"));
    }
    EXPECT_TRUE(weights[0] == weights[1]);
    // The way of updating may change when a run is continued.
    v1::JobSpec spec = Spec(absl::StrCat("resumed", norm));
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_run()->set_max_train_steps(4);
    config.mutable_run()->set_blockwise_fused_optimizers(true);
    config.mutable_run()->set_resume(
        Out(absl::StrCat("plain", norm), "t-state"));
    config.mutable_optimizer()->set_max_grad_norm(norm);
    const absl::Status resumed = Run(spec);
    EXPECT_TRUE(resumed.ok()) << resumed;
  }
}

TEST_F(TrainTest, ACheckpointTellsHowItWasMade) {
  ASSERT_TRUE(Run(Spec("out")).ok());
  const auto source = OpenCheckpoint(Out("out", "t.safetensors"));
  ASSERT_TRUE(source.ok());
  const auto& metadata = (*source)->metadata();
  EXPECT_EQ(metadata.at("modelspec.sai_model_spec"), "1.0.1");
  EXPECT_EQ(metadata.at("modelspec.title"), "t");
  EXPECT_EQ(metadata.at("modelspec.resolution"), "64x64");
  const auto record = nlohmann::json::parse(metadata.at("atelier.record"));
  EXPECT_EQ(record["seed"], 42);
  EXPECT_EQ(record["step"], 6);
  EXPECT_EQ(record["options"]["learning_rate"], 1e-3);
  EXPECT_EQ(record["options"]["pretrained_model_name_or_path"],
            "tiny.safetensors");
  const auto base = OpenCheckpoint(Checkpoint());
  EXPECT_EQ(record["base_sha256"], *(*base)->Digest());
}

TEST_F(TrainTest, AStoppedRunSavesItsStateOnlyIfStatesAreSaved) {
  v1::JobSpec spec = Spec("out");
  ASSERT_TRUE(absl::IsCancelled(RunAndStopAfter(spec, 2)));
  EXPECT_FALSE(std::filesystem::exists(Out("out", "t-step00000002-state")));
  spec.mutable_training()->mutable_output()->set_save_state(true);
  ASSERT_TRUE(absl::IsCancelled(RunAndStopAfter(spec, 2)));
  EXPECT_TRUE(std::filesystem::exists(Out("out", "t-step00000002-state")));
  EXPECT_FALSE(std::filesystem::exists(Out("out", "t.safetensors")));
}

TEST_F(TrainTest, ALossThatIsNotFiniteStopsAndLeavesCheckpointsAlone) {
  v1::JobSpec spec = Spec("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_optimizer()->set_learning_rate(1e30);
  config.mutable_optimizer()->set_max_grad_norm(0);
  config.mutable_optimizer()->set_lr_scheduler("constant");
  config.mutable_optimizer()->set_lr_warmup_steps("0");
  const absl::Status status = Run(spec);
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("learning_rate"));
  EXPECT_FALSE(std::filesystem::exists(Out("out", "t.safetensors")));
}

TEST_F(TrainTest, UpdatesThatAreNotFiniteAreSkippedAtMost25InARow) {
  v1::JobSpec spec = Spec("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_run()->set_on_nonfinite("skip");
  config.mutable_run()->set_max_train_steps(60);
  config.mutable_optimizer()->set_learning_rate(1e30);
  config.mutable_optimizer()->set_max_grad_norm(0);
  config.mutable_optimizer()->set_lr_scheduler("constant");
  config.mutable_optimizer()->set_lr_warmup_steps("0");
  const absl::Status status = Run(spec);
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  int skipped = 0;
  for (const StepDone& step : events_.Of<StepDone>()) skipped += step.skipped;
  EXPECT_EQ(skipped, 24);
}

TEST_F(TrainTest, HalfPrecisionTrainsToFiniteWeights) {
  for (const char* precision : {"bf16", "fp16"}) {
    v1::JobSpec spec = Spec(precision);
    spec.mutable_training()->mutable_run()->set_mixed_precision(precision);
    const absl::Status status = Run(spec);
    EXPECT_TRUE(status.ok()) << precision << ": " << status;
  }
}

TEST_F(TrainTest, GradientCheckpointingChangesNothing) {
  ASSERT_TRUE(Run(Spec("plain")).ok());
  v1::JobSpec spec = Spec("recomputed");
  spec.mutable_training()->mutable_run()->set_gradient_checkpointing(true);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_EQ(
      Changed(Out("plain", "t.safetensors"), Out("recomputed", "t.safetensors"),
              [](const std::string&) { return true; }),
      0);
}

TEST_F(TrainTest, AFolderThatAnotherRunHoldsIsRefused) {
  const auto held = OutputFolder::Open(dir_.File("out"));
  ASSERT_TRUE(held.ok());
  const absl::Status status = Run(Spec("out"));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir_.File("out")));
}

}  // namespace
}  // namespace atelier::trainer
