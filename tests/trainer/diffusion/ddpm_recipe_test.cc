#include "trainer/architectures/ldm_unet/ddpm_recipe.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer::ddpm_recipe_test {
namespace {

using ::testing::HasSubstr;

// Answers with a linear function of latents, timestep and context, and counts
// its calls.
class LinearDenoiser : public Denoiser {
 public:
  Tensor forward(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning) override {
    ++calls;
    const auto over_samples = [](const Tensor& values) {
      return values.view({-1, 1, 1, 1});
    };
    return 0.5 * latents + over_samples(timesteps / 1000) +
           over_samples(conditioning.context.mean({1, 2}));
  }
  void SetGradientCheckpointing(bool) override {}

  int calls = 0;
};

std::unique_ptr<Recipe> MakeRecipe(const DiffusionOptions& options) {
  return std::make_unique<DdpmRecipe>(options, /*latent_channels=*/4);
}

DiffusionOptions EveryNoiseOption() {
  DiffusionOptions options;
  options.noise_offset = 0.1;
  options.noise_offset_random_strength = true;
  options.adaptive_noise_scale = 0.05;
  options.multires_noise_iterations = 6;
  options.ip_noise_gamma = 0.1;
  options.ip_noise_gamma_random_strength = true;
  return options;
}

Tensor Latents() {
  torch::manual_seed(1);
  return torch::randn({3, 4, 8, 12});
}

PreviewRequest SmallRequest(const std::string& sampler) {
  PreviewRequest request;
  request.positive.context = torch::full({1, 3, 2}, 0.2f);
  request.negative.context = torch::full({1, 3, 2}, -0.1f);
  request.width = 64;
  request.height = 128;
  request.steps = 4;
  request.sampler = sampler;
  request.seed = 7;
  return request;
}

Tensor Draw(const PreviewRequest& request) {
  LinearDenoiser denoiser;
  const auto latents = MakeRecipe({})->Preview(denoiser, request, torch::kCPU);
  EXPECT_TRUE(latents.ok()) << latents.status();
  return *latents;
}

NoiseLevels Levels(const std::vector<int64_t>& timesteps) {
  return {torch::tensor(timesteps), Tensor()};
}

TEST(DdpmRecipeTest, DrawsOfASampleDoNotDependOnItsBatch) {
  const auto recipe = MakeRecipe(EveryNoiseOption());
  const Tensor latents = Latents();
  const BatchRng whole = {5, 3, 10};
  const BatchRng alone = {5, 3, 12};  // the last sample of the batch
  const Recipe::Noise in_batch = recipe->SampleNoise(latents, whole);
  const Recipe::Noise by_itself =
      recipe->SampleNoise(latents.slice(0, 2), alone);
  EXPECT_TRUE(in_batch.target.slice(0, 2).equal(by_itself.target));
  EXPECT_TRUE(in_batch.input.slice(0, 2).equal(by_itself.input));
  EXPECT_TRUE(
      recipe->SampleNoiseLevels(latents, whole)
          .timesteps.slice(0, 2)
          .equal(
              recipe->SampleNoiseLevels(latents.slice(0, 2), alone).timesteps));
}

TEST(DdpmRecipeTest, AnotherSeedStepOrSampleDrawsOtherNoise) {
  const auto recipe = MakeRecipe({});
  const Tensor latents = Latents();
  const Tensor noise = recipe->SampleNoise(latents, {5, 3, 10}).target;
  for (const BatchRng& other :
       {BatchRng{6, 3, 10}, BatchRng{5, 4, 10}, BatchRng{5, 3, 13}}) {
    EXPECT_FALSE(recipe->SampleNoise(latents, other).target.equal(noise));
  }
}

TEST(DdpmRecipeTest, InputIsPerturbedAndTargetIsNot) {
  DiffusionOptions options;
  const Tensor latents = Latents();
  const BatchRng rng = {5, 3, 10};
  const Tensor plain = MakeRecipe(options)->SampleNoise(latents, rng).input;
  options.ip_noise_gamma = 0.1;
  const Recipe::Noise noise = MakeRecipe(options)->SampleNoise(latents, rng);
  EXPECT_TRUE(noise.target.equal(plain));
  EXPECT_NEAR((noise.input - plain).std().item<double>(), 0.1, 0.02);
}

TEST(DdpmRecipeTest, LossOfEachSampleIsWeighted) {
  const auto recipe = MakeRecipe({});
  const Tensor output = torch::ones({2, 4, 2, 2});
  const Tensor target = torch::zeros({2, 4, 2, 2});
  const Tensor loss = recipe->Loss(output, target, Levels({5, 900}),
                                   torch::tensor({1.0f, 0.5f}), Tensor());
  EXPECT_FLOAT_EQ(loss.item<float>(), 0.75);
}

TEST(DdpmRecipeTest, MaskWeighsTheElements) {
  const auto recipe = MakeRecipe({});
  Tensor mask = torch::zeros({1, 1, 16, 16});
  mask.slice(3, 0, 8).fill_(1);  // the left half
  const Tensor loss =
      recipe->Loss(torch::ones({1, 4, 2, 2}), torch::zeros({1, 4, 2, 2}),
                   Levels({5}), torch::ones({1}), mask);
  EXPECT_FLOAT_EQ(loss.item<float>(), 0.5);
}

TEST(DdpmRecipeTest, LossIsFp32AndDifferentiable) {
  DiffusionOptions options;
  options.loss_type = LossType::kHuber;
  options.min_snr_gamma = 5;
  options.zero_terminal_snr = true;
  const auto recipe = MakeRecipe(options);
  const Tensor output =
      torch::ones({2, 4, 2, 2}, torch::kBFloat16).set_requires_grad(true);
  const Tensor loss =
      recipe->Loss(output, torch::zeros({2, 4, 2, 2}), Levels({0, 999}),
                   torch::ones({2}), Tensor());
  loss.backward();
  EXPECT_EQ(loss.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(output.grad().isfinite().all().item<bool>());
}

TEST(DdpmRecipePreviewTest, SameSeedDrawsTheSamePicture) {
  for (const std::string& sampler : MakeRecipe({})->Samplers()) {
    PreviewRequest request = SmallRequest(sampler);
    const Tensor first = Draw(request);
    EXPECT_EQ(first.sizes(), at::IntArrayRef({1, 4, 16, 8}));
    EXPECT_TRUE(first.isfinite().all().item<bool>()) << sampler;
    EXPECT_FALSE(first.requires_grad());
    EXPECT_TRUE(Draw(request).equal(first)) << sampler;
    request.seed = 8;
    EXPECT_FALSE(Draw(request).equal(first)) << sampler;
  }
}

TEST(DdpmRecipePreviewTest, GuidanceIsTheSameInOneBatchAndInTwo) {
  PreviewRequest request = SmallRequest("ddim");
  const Tensor together = Draw(request);
  // Twice the tokens with the same mean: another length, the same meaning.
  request.negative.context = torch::full({1, 6, 2}, -0.1f);
  EXPECT_TRUE(Draw(request).allclose(together, 1e-5, 1e-5));
}

TEST(DdpmRecipePreviewTest, ScaleOfOneNeedsNoNegativePrompt) {
  PreviewRequest request = SmallRequest("euler");
  request.cfg_scale = 1;
  request.negative = {};
  LinearDenoiser denoiser;
  ASSERT_TRUE(MakeRecipe({})->Preview(denoiser, request, torch::kCPU).ok());
  EXPECT_EQ(denoiser.calls, request.steps);
}

TEST(DdpmRecipePreviewTest, ZeroTerminalSnrSamplesFromPureNoise) {
  DiffusionOptions options;
  options.zero_terminal_snr = true;
  for (const PredictionType type :
       {PredictionType::kEpsilon, PredictionType::kVelocity}) {
    options.prediction_type = type;
    const auto recipe = MakeRecipe(options);
    for (const std::string& sampler : recipe->Samplers()) {
      LinearDenoiser denoiser;
      const auto latents =
          recipe->Preview(denoiser, SmallRequest(sampler), torch::kCPU);
      ASSERT_TRUE(latents.ok()) << latents.status();
      EXPECT_TRUE(latents->isfinite().all().item<bool>()) << sampler;
    }
  }
}

TEST(DdpmRecipePreviewTest, ImpossibleRequestsAreRefusedByName) {
  const auto expect_refused = [](const PreviewRequest& request,
                                 const std::string& reason) {
    LinearDenoiser denoiser;
    const auto latents =
        MakeRecipe({})->Preview(denoiser, request, torch::kCPU);
    EXPECT_EQ(latents.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(latents.status().message()), HasSubstr(reason));
  };
  PreviewRequest request = SmallRequest("ddim");
  request.width = 100;
  expect_refused(request, "sample width is 100");
  request = SmallRequest("ddim");
  request.steps = 0;
  expect_refused(request, "sample steps is 0");
  expect_refused(SmallRequest("magic"), "sampler 'magic'");
}

}  // namespace
}  // namespace atelier::trainer::ddpm_recipe_test
