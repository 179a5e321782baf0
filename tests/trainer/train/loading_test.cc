// What of a checkpoint is copied into memory, and in which format.
#include "tests/trainer/train/train_fixture.h"
#include "trainer/checkpoint/mapped_tensor.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/train/host_weights.h"
#include "trainer/train/setup.h"
#include "trainer/train/weight_format.h"

namespace atelier::trainer {
namespace {

using testing::FileBytes;
using testing::TrainTest;

class LoadingTest : public TrainTest {
 protected:
  v1::JobSpec UnetOnly(const std::string& output,
                       const std::string& checkpoint) {
    v1::JobSpec spec = Spec(output);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_model()->set_pretrained_model_name_or_path(checkpoint);
    config.mutable_optimizer()->set_learning_rate_te(0);
    config.mutable_output()->set_save_state(true);
    config.mutable_run()->set_max_train_steps(2);
    return spec;
  }

  std::unique_ptr<Training> SetUpRun(const v1::JobSpec& spec) {
    Reporter reporter(events_, stop_);
    auto training = SetUpTraining(spec, ATELIER_TOKENIZER_DIR, reporter);
    EXPECT_TRUE(training.ok()) << training.status();
    return *std::move(training);
  }
};

TEST_F(LoadingTest, WhatIsNotTrainedIsAViewOfTheCheckpoint) {
  const auto training = SetUpRun(UnetOnly("out", Checkpoint()));
  for (const Tensor& weights : training->model.vae->parameters()) {
    EXPECT_TRUE(IsMapped(weights));
  }
  const auto encoders = training->model.conditioner->TextEncoders();
  for (const Tensor& weights : encoders.front().module->parameters()) {
    EXPECT_TRUE(IsMapped(weights));
  }
  for (const Tensor& weights : training->model.denoiser->parameters()) {
    EXPECT_FALSE(IsMapped(weights));
    EXPECT_EQ(weights.scalar_type(), torch::kFloat32);
  }
}

TEST_F(LoadingTest, HalfPrecisionIsWidenedWhereItIsUsedToTheSameBits) {
  testing::TinyModelOptions options;
  options.dtype = torch::kHalf;
  std::map<std::string, Tensor> tensors = testing::TinyStableDiffusion(options);
  const std::string half = dir_.File("half.safetensors");
  ASSERT_TRUE(WriteSafetensors(half, tensors).ok());
  for (auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point()) tensor = tensor.to(torch::kFloat32);
  }
  const std::string wide = dir_.File("wide.safetensors");
  ASSERT_TRUE(WriteSafetensors(wide, tensors).ok());
  {
    const auto training = SetUpRun(UnetOnly("none", half));
    const auto encoders = training->model.conditioner->TextEncoders();
    int halves = 0;
    for (const Tensor& weights : encoders.front().module->parameters()) {
      halves += weights.scalar_type() == torch::kHalf ? 1 : 0;
    }
    EXPECT_GT(halves, 0);
  }
  ASSERT_TRUE(Run(UnetOnly("half", half)).ok());
  ASSERT_TRUE(Run(UnetOnly("wide", wide)).ok());
  EXPECT_TRUE(FileBytes(Out("half", "t-state/model.safetensors")) ==
              FileBytes(Out("wide", "t-state/model.safetensors")));
  const auto saved = ReadSafetensors(Out("half", "t.safetensors"));
  ASSERT_TRUE(saved.ok()) << saved.status();
  for (const auto& [name, tensor] : *saved) {
    if (name.starts_with("cond_stage_model.")) {
      EXPECT_TRUE(tensor.equal(tensors.at(name).to(tensor.scalar_type())))
          << name;
    }
  }
}

TEST_F(LoadingTest, ReleasedWeightsAreThoseOfTheCheckpointAgain) {
  const auto training = SetUpRun(UnetOnly("out", Checkpoint()));
  AutoencoderKl& vae = *training->model.vae;
  HostWeights host;
  host.Note(vae);
  const std::vector<Tensor> parameters = vae.parameters();
  std::vector<Tensor> before;
  for (const Tensor& weights : parameters) {
    before.push_back(weights.detach().clone());
  }
  // As on a device: other memory.
  ConvertWeights(vae, torch::kFloat32);
  EXPECT_FALSE(IsMapped(parameters.front()));
  host.Release(vae);
  for (size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_TRUE(IsMapped(parameters[i]));
    EXPECT_TRUE(parameters[i].equal(before[i]));
  }
}

}  // namespace
}  // namespace atelier::trainer
