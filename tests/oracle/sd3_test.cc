// SD3's predictions and losses against the reference.
#include "gtest/gtest.h"

#include "tests/oracle/sd3_model.h"
#include "tests/oracle/sd3_step.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/sd3/recipe.h"

namespace atelier::trainer::testing {
namespace sd3_oracle {

class Sd3Oracle : public Sd3Step {
 protected:
  // Of one sample of the stored batch.
  double SampleLoss(Model& model, FlowWeighting weighting, int64_t sample) {
    Weigh(model, weighting);
    const torch::NoGradGuard no_gradients;
    Step step = StoredStep();
    Conditioning conditioning = StoredConditioning();
    for (Tensor* tensor :
         {&step.latents, &step.noise, &step.levels.timesteps,
          &step.levels.sigmas, &conditioning.context, &conditioning.pooled}) {
      *tensor = tensor->slice(0, sample, sample + 1);
    }
    return RunStep(model, step, conditioning).loss.item<double>();
  }
  static void Weigh(Model& model, FlowWeighting weighting) {
    ModelOptions options;
    options.flow.weighting = weighting;
    model.recipe =
        sd3::MakeRecipe(options, model.vae->config().latent_channels).value();
  }
};

TEST_F(Sd3Oracle, AddsNoiseAndAimsAtTheLatents) {
  const Model model = LoadModel(kSingleFile).value();
  const Step step = StoredStep();
  EXPECT_TENSOR_NEAR(step.levels.sigmas, stored_["sigmas"].flatten(), 1e-6,
                     1e-6);
  EXPECT_TENSOR_NEAR(
      model.recipe->AddNoise(step.latents, step.noise, step.levels),
      stored_["noisy"], 1e-5, 1e-5);
  EXPECT_TRUE(model.recipe->Target(step.latents, step.noise, step.levels)
                  .equal(step.latents));
}

TEST_F(Sd3Oracle, PredictsFromStoredConditioning) {
  const Model model = LoadModel(kSingleFile).value();
  EXPECT_TENSOR_NEAR(Predict(model, StoredConditioning()), stored_["pred"],
                     kPredictionRel, kPredictionMax);
}

TEST_F(Sd3Oracle, PredictsWithoutT5) {
  const Model model = LoadModel(kSingleFile).value();
  Conditioning conditioning = StoredConditioning();
  const Tensor context = conditioning.context;
  const int64_t clip = TextTensors()["l.ids"].size(1);
  conditioning.context =
      torch::constant_pad_nd(context.slice(1, 0, clip), {0, 0, 0, 77});
  EXPECT_TENSOR_NEAR(Predict(model, conditioning), stored_["pred_no_t5"],
                     kPredictionRel, kPredictionMax);
}

TEST_F(Sd3Oracle, PredictsWithPositionsScaledToTheDataset) {
  ModelOptions options = Options();
  options.enable_scaled_pos_embed = true;
  options.latent_sides = {8, 16};
  const Model model = LoadModel(kSingleFile, {}, options).value();
  EXPECT_TENSOR_NEAR(Predict(model, StoredConditioning()),
                     stored_["pred_scaled_pos_embed_8_16"], kPredictionRel,
                     kPredictionMax);
}

TEST_F(Sd3Oracle, GivesTheLossOfEachSample) {
  Model model = LoadModel(kSingleFile).value();
  const Tensor expected = stored_["loss_per_sample"];
  for (int64_t i = 0; i < expected.numel(); ++i) {
    const double value = expected[i].item<double>();
    EXPECT_NEAR(SampleLoss(model, FlowWeighting::kNone, i), value,
                kLossRel * value);
  }
}

// The weight is each sample's own; the reference's broadcast is the product of
// both means.
TEST_F(Sd3Oracle, WeighsTheLossOfEachSample) {
  const std::pair<FlowWeighting, std::string> schemes[] = {
      {FlowWeighting::kSigmaSqrt, "loss_sigma_sqrt"},
      {FlowWeighting::kCosmap, "loss_cosmap"}};
  const int64_t batch = stored_["latents"].size(0);
  Model model = LoadModel(kSingleFile).value();
  for (const auto& [weighting, name] : schemes) {
    Weigh(model, weighting);
    const torch::NoGradGuard no_gradients;
    EXPECT_TENSOR_NEAR(
        RunStep(model, StoredStep(), StoredConditioning()).loss.view({1}),
        stored_[name + "_per_sample_weights"], kLossRel, kLossRel)
        << name;
    double loss = 0, weight = 0;
    for (int64_t i = 0; i < batch; ++i) {
      const double plain = SampleLoss(model, FlowWeighting::kNone, i);
      loss += plain;
      weight += SampleLoss(model, weighting, i) / plain;
    }
    const double expected = stored_[name].item<double>();
    EXPECT_NEAR(loss * weight / double(batch * batch), expected,
                kLossRel * expected)
        << name;
  }
}

}  // namespace sd3_oracle
}  // namespace atelier::trainer::testing
