// Validation, moving averages and what follows from them, as events and files
// show it.
#include <map>

#include "nlohmann/json.hpp"

#include "tests/trainer/train/train_fixture.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using testing::FileBytes;
using ::testing::HasSubstr;
using testing::RecordedEvents;
using testing::TrainTest;

class ValidationTest : public TrainTest {
 protected:
  // Two of the five pictures are held out; a validation every second step.
  v1::JobSpec Held(const std::string& output) {
    v1::JobSpec spec = Spec(output);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_dataset()->set_validation_split(0.4);
    config.mutable_validation()->set_validate_every_n_steps(2);
    config.mutable_validation()->set_validation_timesteps("100,500,900");
    config.mutable_optimizer()->set_lr_scheduler("constant");
    config.mutable_optimizer()->set_lr_warmup_steps("0");
    return spec;
  }

  std::vector<std::string> Warnings() const {
    std::vector<std::string> messages;
    for (const Warning& warning : events_.Of<Warning>()) {
      messages.push_back(warning.message);
    }
    return messages;
  }

  bool Exists(const std::string& output, const std::string& name) const {
    return std::filesystem::exists(Out(output, name));
  }
};

TEST_F(ValidationTest, HeldOutLossIsToldByTimestepBesideThatOfTrainedImages) {
  const absl::Status status = Run(Held("out"));
  ASSERT_TRUE(status.ok()) << status;
  const auto validations = events_.Of<Validated>();
  ASSERT_EQ(validations.size(), 3u);
  for (const Validated& validated : validations) {
    EXPECT_THAT(validated.timesteps, ElementsAre(100, 500, 900));
    EXPECT_EQ(validated.images, 2);
    ASSERT_EQ(validated.rows.size(), 1u);
    const Validated::Row& row = validated.rows[0];
    EXPECT_EQ(row.weights, "weights");
    ASSERT_EQ(row.losses.size(), 3u);
    ASSERT_EQ(row.train_losses.size(), 3u);
    EXPECT_NEAR(row.loss, (row.losses[0] + row.losses[1] + row.losses[2]) / 3,
                1e-12);
    EXPECT_GT(row.loss, 0);
    EXPECT_NE(row.loss, row.train_loss);
    EXPECT_LE(validated.best_loss, row.loss);
  }
  EXPECT_NE(validations[0].rows[0].loss, validations[1].rows[0].loss);
}

TEST_F(ValidationTest, TrainingIsTheSameWithAndWithoutValidation) {
  std::string weights[2];
  for (const bool often : {false, true}) {
    const std::string out = often ? "often" : "never";
    v1::JobSpec spec = Held(out);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_output()->set_save_state(true);
    config.mutable_validation()->set_validate_every_n_steps(often ? 1 : 100);
    if (often) config.mutable_run()->set_ema_decay("0.9");
    ASSERT_TRUE(Run(spec).ok());
    weights[often] = FileBytes(Out(out, "t-state/model.safetensors"));
  }
  EXPECT_TRUE(weights[0] == weights[1]);
}

// Noise, timesteps and latents are fixed: nothing is learnt, so every loss is
// the same, whatever the seed of the run is.
TEST_F(ValidationTest, TheSameWeightsHaveTheSameLoss) {
  v1::JobSpec spec = Held("one");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_dataset()->set_validation_seed(5);
  config.mutable_optimizer()->set_learning_rate(1e-30);
  config.mutable_optimizer()->add_optimizer_args("weight_decay=0");
  ASSERT_TRUE(Run(spec).ok());
  config.mutable_run()->set_seed(43);
  config.mutable_output()->set_output_dir(dir_.File("two"));
  ASSERT_TRUE(Run(spec).ok());
  const auto validations = events_.Of<Validated>();
  ASSERT_EQ(validations.size(), 6u);
  for (const Validated& validated : validations) {
    EXPECT_EQ(validated.rows[0].losses, validations[0].rows[0].losses);
  }
}

TEST_F(ValidationTest, WithoutAnotherWishItComesAtTheEndOfEachEpoch) {
  v1::JobSpec spec = Held("out");
  spec.mutable_training()->mutable_validation()->clear_validate_every_n_steps();
  spec.mutable_training()->mutable_run()->set_max_train_epochs(2);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_EQ(events_.Of<Validated>().size(), 2u);
}

TEST_F(ValidationTest, FewerBatchesAreLookedAtWhereAsked) {
  v1::JobSpec spec = Held("out");
  spec.mutable_training()->mutable_validation()->set_max_validation_steps(1);
  spec.mutable_training()->mutable_dataset()->set_train_batch_size(1);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_EQ(events_.Of<Validated>()[0].images, 1);
}

TEST_F(ValidationTest, CachedLatentsAndTextsGiveTheSameLosses) {
  for (const bool cached : {false, true}) {
    v1::JobSpec spec = Held(cached ? "cached" : "live");
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_optimizer()->set_learning_rate(1e-30);
    config.mutable_optimizer()->set_learning_rate_te(0);
    config.mutable_dataset()->set_cache_latents(cached);
    config.mutable_dataset()->set_cache_text_encoder_outputs(cached);
    const absl::Status status = Run(spec);
    ASSERT_TRUE(status.ok()) << status;
  }
  const auto validations = events_.Of<Validated>();
  ASSERT_EQ(validations.size(), 6u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(validations[0].rows[0].losses[i],
                validations[3].rows[0].losses[i], 1e-6);
  }
}

TEST_F(ValidationTest, AveragesAreValidatedAndSavedBesideTheWeights) {
  v1::JobSpec spec = Held("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_run()->set_ema_decay("0.5, 0.9");
  config.mutable_output()->set_save_every_n_steps(2);
  config.mutable_output()->set_save_last_n_steps(2);
  ASSERT_TRUE(Run(spec).ok());
  const auto validations = events_.Of<Validated>();
  ASSERT_EQ(validations[0].rows.size(), 3u);
  EXPECT_EQ(validations[0].rows[1].weights, "ema0.5");
  EXPECT_NE(validations[0].rows[1].loss, validations[0].rows[0].loss);
  EXPECT_NE(validations[0].rows[1].loss, validations[0].rows[2].loss);
  for (const char* name : {"t", "t-ema0.5", "t-ema0.9"}) {
    EXPECT_TRUE(Exists("out", absl::StrCat(name, ".safetensors"))) << name;
  }
  // Retention takes both.
  EXPECT_TRUE(Exists("out", "t-step00000006-ema0.5.safetensors"));
  EXPECT_FALSE(Exists("out", "t-step00000002-ema0.5.safetensors"));
  const auto average = OpenCheckpoint(Out("out", "t-ema0.9.safetensors"));
  ASSERT_TRUE(average.ok());
  const auto record =
      nlohmann::json::parse((*average)->metadata().at("atelier.record"));
  EXPECT_EQ(record["weights"], "ema0.9");
}

TEST_F(ValidationTest, AveragesWithUpdatesDuringBackwardAreTheSame) {
  std::string averages[2];
  for (const bool fused : {false, true}) {
    const std::string out = fused ? "fused" : "plain";
    v1::JobSpec spec = Held(out);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_run()->set_ema_decay("0.9");
    config.mutable_run()->set_blockwise_fused_optimizers(fused);
    config.mutable_output()->set_save_state(true);
    ASSERT_TRUE(Run(spec).ok());
    averages[fused] = FileBytes(Out(out, "t-state/ema.safetensors"));
  }
  EXPECT_TRUE(averages[0] == averages[1]);
}

// A learning rate that ruins the weights: the first validation stays the best.
TEST_F(ValidationTest, PatienceEndsTheRunAndTheBestIsKept) {
  v1::JobSpec spec = Held("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_run()->set_max_train_steps(40);
  config.mutable_optimizer()->set_learning_rate(0.05);
  config.mutable_validation()->set_validate_every_n_steps(1);
  config.mutable_validation()->set_early_stop_patience(2);
  config.mutable_validation()->set_keep_best(true);
  config.mutable_output()->set_save_every_n_steps(1);
  config.mutable_output()->set_save_last_n_steps(1);
  const absl::Status status = Run(spec);
  ASSERT_TRUE(status.ok()) << status;
  const auto validations = events_.Of<Validated>();
  const auto steps = static_cast<int64_t>(events_.Of<StepDone>().size());
  ASSERT_LT(steps, 40);
  EXPECT_EQ(validations.back().without_improvement, 2);
  EXPECT_EQ(validations.back().best_step, steps - 2);
  EXPECT_TRUE(Exists("out", "t.safetensors"));
  const auto best = OpenCheckpoint(Out("out", "t-best.safetensors"));
  ASSERT_TRUE(best.ok()) << best.status();
  const auto record =
      nlohmann::json::parse((*best)->metadata().at("atelier.record"));
  EXPECT_EQ(record["step"], steps - 2);
  ASSERT_FALSE(Warnings().empty());
  EXPECT_THAT(Warnings().back(), HasSubstr("no lower validation loss in 2"));
  EXPECT_THAT(Warnings().back(), HasSubstr("go back to t-best.safetensors"));
}

TEST_F(ValidationTest, LossesOfImagesAreWrittenWithTheWorstFirst) {
  v1::JobSpec spec = Held("out");
  spec.mutable_training()->mutable_run()->set_max_train_epochs(4);
  ASSERT_TRUE(Run(spec).ok());
  const auto ledgers = events_.Of<LossLedgerSaved>();
  ASSERT_EQ(ledgers.size(), 4u);
  EXPECT_EQ(ledgers.back().images, 3);
  ASSERT_EQ(ledgers.back().worst.size(), 3u);
  for (const LossLedgerSaved::Image& image : ledgers.back().worst) {
    EXPECT_EQ(image.count, 4);
    EXPECT_GT(image.loss, 0);
    EXPECT_THAT(image.caption, HasSubstr("a picture of color"));
    EXPECT_THAT(image.path, HasSubstr(dir_.File("data/1_thing")));
  }
  EXPECT_GE(ledgers.back().worst[0].ratio, ledgers.back().worst[2].ratio);
  const auto json =
      nlohmann::json::parse(FileBytes(Out("out", "loss_ledger.json")));
  EXPECT_EQ(json["step"], events_.Of<StepDone>().size());
  EXPECT_EQ(json["images"].size(), 3u);
  EXPECT_EQ(json["images"][0]["path"], ledgers.back().worst[0].path);
}

TEST_F(ValidationTest, NoLedgerIsWrittenWhereItIsNotWanted) {
  v1::JobSpec spec = Held("out");
  spec.mutable_training()->mutable_run()->set_loss_ledger(false);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_TRUE(events_.Of<LossLedgerSaved>().empty());
  EXPECT_FALSE(Exists("out", "loss_ledger.json"));
}

}  // namespace
}  // namespace atelier::trainer
