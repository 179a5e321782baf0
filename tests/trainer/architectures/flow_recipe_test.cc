#include "trainer/architectures/rectified_flow/flow_recipe.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/architectures/rectified_flow/preview.h"
#include "trainer/diffusion/flow_timesteps.h"

namespace atelier::trainer::flow_recipe_test {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<FlowRecipe> Make(const FlowFamily& family,
                                 const DiffusionOptions& options = {},
                                 const FlowOptions& flow = {}) {
  return FlowRecipe::Make(family, options, flow).value();
}

FlowFamily Sd3Like() {
  FlowFamily family;
  family.target = FlowTarget::kLatents;
  family.prediction = FlowPrediction::kSigmaScaled;
  family.takes_ip_noise_gamma = false;
  family.preview.shift = 3;
  return family;
}

FlowFamily LuminaLike() {
  FlowFamily family;
  family.target = FlowTarget::kLatentsMinusNoise;
  family.huber_counts_down = true;
  family.preview.shift = 6;
  family.preview.cfg_trunc_ratio = 0.25;
  family.preview.renorm_cfg = 1.0;
  return family;
}

FlowFamily FluxLike() {
  FlowFamily family;
  family.preview.spacing = FlowSpacing::kFromOne;
  family.preview.shifts_by_resolution = true;
  return family;
}

Tensor Draw(uint64_t seed) {
  return BatchRng{seed, 0, 0}.Normal(RngPurpose::kNoise, {2, 16, 8, 12});
}

NoiseLevels LevelsOf(const std::vector<float>& sigmas) {
  const Tensor values = torch::tensor(sigmas);
  return {values * 1000, values};
}

TEST(FlowRecipeTest, DrawsDependOnTheSampleAlone) {
  DiffusionOptions options;
  options.ip_noise_gamma = 0.1;
  options.ip_noise_gamma_random_strength = true;
  FlowOptions flow;
  flow.timesteps.sampling = FlowSampling::kFluxShift;
  const auto recipe = Make(FluxLike(), options, flow);
  const Tensor latents = Draw(1);
  const BatchRng both{3, 5, 10};
  const BatchRng second{3, 5, 11};
  const Tensor row = latents.slice(0, 1, 2);
  EXPECT_TRUE(recipe->SampleNoiseLevels(latents, both)
                  .sigmas[1]
                  .equal(recipe->SampleNoiseLevels(row, second).sigmas[0]));
  const auto noise = recipe->SampleNoise(latents, both);
  EXPECT_TRUE(noise.input[1].equal(recipe->SampleNoise(row, second).input[0]));
  EXPECT_FALSE(noise.input.equal(noise.target));
}

TEST(FlowRecipeTest, PerturbsTheInputOnlyWhereTheFamilyDoes) {
  DiffusionOptions options;
  options.ip_noise_gamma = 0.1;
  const auto noise =
      Make(Sd3Like(), options)->SampleNoise(Draw(1), BatchRng{1, 2, 3});
  EXPECT_TRUE(noise.input.equal(noise.target));
}

// With the true velocity as output, every family predicts its target.
TEST(FlowRecipeTest, TheTrueVelocityHasNoLoss) {
  const Tensor latents = Draw(1);
  const Tensor noise = Draw(2);
  const NoiseLevels levels = LevelsOf({0.25f, 0.8f});
  for (const FlowFamily& family : {FluxLike(), Sd3Like(), LuminaLike()}) {
    const auto recipe = Make(family);
    const Tensor noisy = recipe->AddNoise(latents, noise, levels);
    const bool is_reversed = family.target == FlowTarget::kLatentsMinusNoise;
    const Tensor output = is_reversed ? latents - noise : noise - latents;
    const Tensor prediction = recipe->Prediction(output, noisy, levels);
    const Tensor target = recipe->Target(latents, noise, levels);
    EXPECT_TRUE(prediction.allclose(target, 1e-5, 1e-5));
  }
}

TEST(FlowRecipeTest, WeighsEachSampleByItsOwnNoise) {
  FlowOptions flow;
  flow.weighting = FlowWeighting::kSigmaSqrt;
  const auto recipe = Make(Sd3Like(), {}, flow);
  const Tensor prediction = torch::zeros({2, 1, 2, 2});
  Tensor target = torch::ones({2, 1, 2, 2});
  target[1] *= 2;  // squared differences 1 and 4
  const Tensor loss = recipe->Loss(prediction, target, LevelsOf({0.5f, 1.0f}),
                                   torch::tensor({1.0f, 0.5f}), {});
  // (1 * 0.5^-2 * 1 + 4 * 1 * 0.5) / 2
  EXPECT_THAT(loss.item<double>(), DoubleNear(3, 1e-6));
}

TEST(FlowRecipeTest, ANoiseLevelOfZeroHasAFiniteWeight) {
  FlowOptions flow;
  flow.weighting = FlowWeighting::kSigmaSqrt;
  const Tensor zeros = torch::zeros({1, 1, 2, 2});
  const Tensor loss =
      Make(Sd3Like(), {}, flow)
          ->Loss(zeros, zeros, LevelsOf({0.0f}), torch::ones({1}), {});
  EXPECT_EQ(loss.item<double>(), 0);
}

TEST(FlowRecipeTest, CountsMaskedElementsInTheMean) {
  Tensor mask = torch::zeros({1, 1, 16, 16});
  mask.slice(2, 0, 8).fill_(1);
  const Tensor loss =
      Make(FluxLike())
          ->Loss(torch::zeros({1, 1, 2, 2}), torch::ones({1, 1, 2, 2}),
                 LevelsOf({0.5f}), torch::ones({1}), mask);
  EXPECT_THAT(loss.item<double>(), DoubleNear(0.5, 1e-6));
}

TEST(FlowRecipeTest, HuberFollowsTheTimeOfTheFamily) {
  DiffusionOptions options;
  options.loss_type = LossType::kHuber;
  options.huber_schedule = HuberSchedule::kExponential;
  const auto loss = [&](const FlowFamily& family, float sigma) {
    return Make(family, options)
        ->Loss(torch::zeros({1, 1, 2, 2}), torch::ones({1, 1, 2, 2}),
               LevelsOf({sigma}), torch::ones({1}), {})
        .item<double>();
  };
  EXPECT_THAT(loss(FluxLike(), 0.2f),
              DoubleNear(loss(LuminaLike(), 0.8f), 1e-5));
  EXPECT_GT(loss(FluxLike(), 0.2f), loss(FluxLike(), 0.8f));
}

TEST(FlowRecipeTest, RefusesTheThresholdOfANoiseSchedule) {
  DiffusionOptions options;
  options.loss_type = LossType::kSmoothL1;
  EXPECT_THAT(
      std::string(FlowRecipe::Make(FluxLike(), options, {}).status().message()),
      HasSubstr("huber_schedule is snr"));
}

// Points at `picture` from wherever it stands, and remembers what it was asked.
class StraightDenoiser : public Denoiser {
 public:
  explicit StraightDenoiser(int sign) : sign_(sign) {}
  Tensor forward(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning) override {
    rows.push_back(latents.size(0));
    guidance = conditioning.guidance;
    const Tensor sigma = (timesteps / 1000).view({-1, 1, 1, 1});
    const Tensor picture =
        conditioning.context.mean({1, 2}).view({-1, 1, 1, 1});
    return sign_ * (latents - picture) / sigma;
  }
  void SetGradientCheckpointing(bool) override {}

  std::vector<int64_t> rows;
  Tensor guidance;

 private:
  int sign_;
};

PreviewRequest Request(double scale = 1) {
  PreviewRequest request;
  request.positive.context = torch::full({1, 3, 2}, 0.25f);
  request.negative.context = torch::full({1, 3, 2}, -0.5f);
  request.width = 64;
  request.height = 128;
  request.steps = 4;
  request.cfg_scale = scale;
  request.sampler = "euler";
  return request;
}

TEST(FlowPreviewTest, FollowsTheStraightPathToThePicture) {
  for (const FlowFamily& family : {FluxLike(), Sd3Like(), LuminaLike()}) {
    const bool is_reversed = family.target == FlowTarget::kLatentsMinusNoise;
    StraightDenoiser denoiser(is_reversed ? -1 : 1);
    const Tensor drawn =
        Make(family)->Preview(denoiser, Request(), torch::kCPU).value();
    EXPECT_TRUE(drawn.sizes().equals({1, 16, 16, 8}));
    EXPECT_TRUE(drawn.allclose(torch::full_like(drawn, 0.25), 1e-4, 1e-4));
    EXPECT_THAT(denoiser.rows, ElementsAre(1, 1, 1, 1));
  }
}

TEST(FlowPreviewTest, RunsTheNegativePromptOnlyWhereItCounts) {
  StraightDenoiser denoiser(1);
  ASSERT_TRUE(
      Make(FluxLike())->Preview(denoiser, Request(2), torch::kCPU).ok());
  EXPECT_THAT(denoiser.rows, ElementsAre(2, 2, 2, 2));
  StraightDenoiser truncated(-1);
  PreviewRequest request = Request(2);
  request.cfg_trunc_ratio = 0.1;  // of 1 - sigma; the shift is 6
  ASSERT_TRUE(
      Make(LuminaLike())->Preview(truncated, request, torch::kCPU).ok());
  EXPECT_THAT(truncated.rows, ElementsAre(2, 2, 1, 1));
}

TEST(FlowPreviewTest, TakesEmbeddedGuidanceFromTheRequestOrTheFamily) {
  StraightDenoiser denoiser(1);
  PreviewRequest request = Request();
  request.positive.guidance = torch::ones({1});
  const auto recipe = Make(FluxLike());
  ASSERT_TRUE(recipe->Preview(denoiser, request, torch::kCPU).ok());
  EXPECT_EQ(denoiser.guidance.item<double>(), 3.5);
  request.guidance_scale = 2;
  ASSERT_TRUE(recipe->Preview(denoiser, request, torch::kCPU).ok());
  EXPECT_EQ(denoiser.guidance.item<double>(), 2);
}

std::vector<double> Sigmas(const FlowFamily& family,
                           const PreviewRequest& request) {
  const SamplerOptions options =
      FlowSamplerOptions(family.preview, request, /*tokens=*/1024);
  const Sampler* sampler = FindSampler("euler", /*is_flow=*/true).value();
  return sampler->plan(options).sigmas;
}

TEST(FlowPreviewTest, StandsWhereTheFamilysReferenceDoes) {
  EXPECT_THAT(Sigmas(FluxLike(), Request()),
              ::testing::Pointwise(::testing::DoubleNear(1e-6),
                                   FluxSchedule(4, 1024, /*shift=*/true)));
  PreviewRequest constant = Request();
  constant.flow_shift = 3;
  EXPECT_THAT(Sigmas(FluxLike(), constant)[2], DoubleNear(0.75, 1e-9));
  // 3t / (1 + 2t) for t evenly from 1 to 3 / 1,002.
  const std::vector<double> sd3 = Sigmas(Sd3Like(), Request());
  ASSERT_EQ(sd3.size(), 5u);
  EXPECT_EQ(sd3[0], 1);
  const double smallest = 3.0 / 1002;
  const double second = 1 - (1 - smallest) / 3;
  EXPECT_THAT(sd3[1], DoubleNear(3 * second / (1 + 2 * second), 1e-9));
  EXPECT_THAT(sd3[3], DoubleNear(3 * smallest / (1 + 2 * smallest), 1e-9));
}

TEST(FlowPreviewTest, ShortensWhatGuidanceMadeTooLong) {
  const Tensor positive = torch::ones({1, 1, 2, 2});
  EXPECT_TRUE(Renormalised(positive * 3, positive, 1).allclose(positive));
  EXPECT_TRUE(
      Renormalised(positive * 0.5, positive, 1).allclose(positive * 0.5));
}

TEST(FlowPreviewTest, RefusesWhatItCannotDraw) {
  StraightDenoiser denoiser(1);
  PreviewRequest request = Request();
  request.width = 72;
  const auto recipe = Make(FluxLike());
  EXPECT_THAT(
      std::string(
          recipe->Preview(denoiser, request, torch::kCPU).status().message()),
      HasSubstr("sample width is 72, must be a multiple of 16"));
  request = Request();
  request.sampler = "ddim";
  EXPECT_THAT(
      std::string(
          recipe->Preview(denoiser, request, torch::kCPU).status().message()),
      HasSubstr("allowed are euler"));
}

}  // namespace
}  // namespace atelier::trainer::flow_recipe_test
