// What a run writes beside its weights, and when: options of saving, metadata,
// scalars, and the learning rates that they show.
#include <set>

#include "nlohmann/json.hpp"

#include "tests/trainer/train/train_fixture.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TrainTest;

class OutputOptionsTest : public TrainTest {
 protected:
  std::set<std::string> Files(const std::string& output) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_.File(output))) {
      const std::string name = entry.path().filename().string();
      if (name.front() == '.' || name == "loss_ledger.json") continue;
      names.insert(name);
    }
    return names;
  }

  std::vector<double> LearningRates() const {
    std::vector<double> rates;
    for (const StepDone& done : events_.Of<StepDone>()) {
      rates.push_back(done.lr_groups.at("unet"));
    }
    return rates;
  }

  // Steps of scalars.jsonl in the only run folder, and the loss of the last.
  std::vector<int64_t> LoggedSteps() const {
    std::vector<int64_t> steps;
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(dir_.File("logs"))) {
      folders.push_back(entry.path());
    }
    EXPECT_EQ(folders.size(), 1u);
    std::ifstream file(folders.at(0) / "scalars.jsonl");
    for (std::string line; std::getline(file, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.contains("loss")) steps.push_back(json["step"].get<int64_t>());
    }
    return steps;
  }
};

TEST_F(OutputOptionsTest, ARatioOfEpochsSavesThatOften) {
  v1::JobSpec spec = Spec("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_run()->set_max_train_epochs(5);
  config.mutable_output()->set_save_n_epoch_ratio(2);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_THAT(Files("out"),
              ElementsAre("t-000002.safetensors", "t-000004.safetensors",
                          "t.safetensors"));
}

TEST_F(OutputOptionsTest, UseSafetensorsSavesACkptAsSafetensors) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_steps(1);
  spec.mutable_training()->mutable_output()->set_save_model_as("ckpt");
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_THAT(Files("out"), ElementsAre("t.ckpt"));
  spec.mutable_training()->mutable_output()->set_use_safetensors(true);
  spec.mutable_training()->mutable_output()->set_output_dir(dir_.File("safe"));
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_THAT(Files("safe"), ElementsAre("t.safetensors"));
}

TEST_F(OutputOptionsTest, MetadataAndThumbnailStandInTheCheckpoint) {
  v1::JobSpec spec = Spec("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_run()->set_max_train_steps(1);
  config.mutable_loss()->set_min_timestep(100);
  config.mutable_model()->set_clip_skip(2);
  v1::MetadataOptions& metadata = *config.mutable_metadata();
  metadata.set_metadata_usage_hint("at 512");
  metadata.set_metadata_merged_from("a, b");
  metadata.set_metadata_trigger_phrase("zwx cat");
  metadata.set_metadata_preprocessor("canny");
  metadata.set_metadata_is_negative_embedding("false");
  std::ofstream(dir_.File("p.png"), std::ios::binary) << "\x89PNG\r\n\x1a\nx";
  metadata.set_metadata_thumbnail(dir_.File("p.png"));
  ASSERT_TRUE(Run(spec).ok());
  const auto source = OpenCheckpoint(Out("out", "t.safetensors"));
  ASSERT_TRUE(source.ok()) << source.status();
  const auto& found = (*source)->metadata();
  EXPECT_EQ(found.at("modelspec.usage_hint"), "at 512");
  EXPECT_EQ(found.at("modelspec.merged_from"), "a, b");
  EXPECT_EQ(found.at("modelspec.trigger_phrase"), "zwx cat");
  EXPECT_EQ(found.at("modelspec.preprocessor"), "canny");
  EXPECT_EQ(found.at("modelspec.is_negative_embedding"), "false");
  EXPECT_EQ(found.at("modelspec.timestep_range"), "100,1000");
  EXPECT_EQ(found.at("modelspec.encoder_layer"), "2");
  EXPECT_EQ(found.at("modelspec.resolution"), "64x64");
  EXPECT_EQ(found.at("modelspec.prediction_type"), "epsilon");
  EXPECT_EQ(found.at("modelspec.thumbnail"),
            "data:image/png;base64,iVBORw0KGgp4");
}

TEST_F(OutputOptionsTest, AThumbnailThatIsNoPictureIsRefusedBeforeTraining) {
  v1::JobSpec spec = Spec("out");
  std::ofstream(dir_.File("p.png")) << "text";
  spec.mutable_training()->mutable_metadata()->set_metadata_thumbnail(
      dir_.File("p.png"));
  const absl::Status status = Run(spec);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("metadata_thumbnail"));
  EXPECT_TRUE(events_.Of<StepDone>().empty());
}

TEST_F(OutputOptionsTest, ScalarsOfAStoppedAndResumedRunStandInOneFolderOnce) {
  v1::JobSpec spec = Spec("out");
  v1::TrainingConfig& config = *spec.mutable_training();
  config.mutable_output()->set_save_state(true);
  config.mutable_output()->set_save_every_n_steps(2);
  config.mutable_run()->set_logging_dir(dir_.File("logs"));
  config.mutable_run()->set_log_with("all");
  ASSERT_TRUE(absl::IsCancelled(RunAndStopAfter(spec, 3)));
  EXPECT_THAT(LoggedSteps(), ElementsAre(1, 2, 3));
  const absl::Status status = Run(spec, /*from_newest=*/true);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(LoggedSteps(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(OutputOptionsTest, WarmupAndDecayMayBeSharesOfTheRun) {
  v1::JobSpec spec = Spec("out");
  v1::OptimizerOptions& optimizer =
      *spec.mutable_training()->mutable_optimizer();
  spec.mutable_training()->mutable_run()->set_max_train_steps(10);
  optimizer.set_learning_rate(1);
  optimizer.set_lr_scheduler("warmup_stable_decay");
  optimizer.set_lr_warmup_steps("20%");
  optimizer.set_lr_decay_steps("0.2");
  optimizer.set_lr_scheduler_min_lr_ratio(0.5);
  optimizer.add_lr_scheduler_args("decay_type=linear");
  spec.mutable_training()->mutable_run()->set_on_nonfinite("skip");
  optimizer.set_learning_rate(1e-4);
  ASSERT_TRUE(Run(spec).ok());
  const std::vector<double> rates = LearningRates();
  ASSERT_EQ(rates.size(), 10u);
  EXPECT_NEAR(rates[0], 0.5e-4, 1e-12);
  EXPECT_NEAR(rates[1], 0.75e-4, 1e-12);
  EXPECT_NEAR(rates[2], 1e-4, 1e-12);
  EXPECT_NEAR(rates[8], 1e-4, 1e-12);
  EXPECT_NEAR(rates[9], 0.75e-4, 1e-12);
}

TEST_F(OutputOptionsTest, ASchedulerTypeTakesThePlaceOfTheScheduler) {
  v1::JobSpec spec = Spec("out");
  v1::OptimizerOptions& optimizer =
      *spec.mutable_training()->mutable_optimizer();
  optimizer.set_lr_warmup_steps("0");
  optimizer.set_learning_rate(8e-4);
  optimizer.set_learning_rate_te(4e-4);
  optimizer.set_lr_scheduler_type("StepLR");
  optimizer.add_lr_scheduler_args("step_size=2");
  optimizer.add_lr_scheduler_args("gamma=0.5");
  ASSERT_TRUE(Run(spec).ok());
  const std::vector<StepDone> steps = events_.Of<StepDone>();
  ASSERT_EQ(steps.size(), 6u);
  EXPECT_NEAR(steps[5].lr_groups.at("unet"), 2e-4, 1e-12);
  EXPECT_NEAR(steps[5].lr_groups.at("text_encoder"), 1e-4, 1e-12);
}

TEST_F(OutputOptionsTest, EverySamplerDrawsAPreview) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_steps(1);
  v1::SampleOptions& sample = *spec.mutable_training()->mutable_sample();
  sample.set_sample_every_n_steps(1);
  sample.set_sample_sampler("pndm");
  sample.add_sample_prompt("a (cat:1.3) --w 64 --h 64 --s 4 --d 1");
  for (const char* sampler : {"heun", "k_dpm_2_a", "dpmsolver", "dpmsingle"}) {
    sample.add_sample_prompt(
        absl::StrCat("h 3 cats --w 64 --h 64 --s 4 --d 1 --ss ", sampler));
  }
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_TRUE(events_.Of<Warning>().empty());
  const std::vector<SampleSaved> samples = events_.Of<SampleSaved>();
  ASSERT_EQ(samples.size(), 5u);
  std::set<std::string> digests;
  for (const SampleSaved& saved : samples) {
    digests.insert(saved.sha256);
    EXPECT_EQ(saved.height, 64) << saved.prompt;
  }
  EXPECT_EQ(digests.size(), samples.size());
}

}  // namespace
}  // namespace atelier::trainer
