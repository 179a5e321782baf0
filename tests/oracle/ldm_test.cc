// The U-Nets of Stable Diffusion 1, 2 and XL against the reference:
// predictions, losses, gradients and six training steps.
#include "gtest/gtest.h"

#include "tests/oracle/ldm_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/ldm_unet/ddpm_recipe.h"
#include "trainer/nn/timestep_embedding.h"

namespace atelier::trainer::testing::ldm_oracle {
namespace {

constexpr double kPredictionRel = 1e-4;
constexpr double kPredictionMax = 5e-4;
constexpr double kGradientRel = 1e-3;
constexpr double kLooseMax = 1e9;  // where only the norm is compared

// Gradients stored as PREFIX + name.
void ExpectGradients(std::map<std::string, Tensor>& expected,
                     const std::string& prefix,
                     const std::map<std::string, Tensor>& parameters) {
  int compared = 0;
  for (const auto& [name, parameter] : parameters) {
    const auto found = expected.find(prefix + name);
    if (found == expected.end()) continue;
    ++compared;
    ASSERT_TRUE(parameter.grad().defined()) << name;
    EXPECT_TENSOR_NEAR(parameter.grad(), found->second, kGradientRel, kLooseMax)
        << name;
  }
  EXPECT_GT(compared, 0) << prefix;
}

// Null: no gradient reaches the parameter.
void ExpectNorms(const nlohmann::json& norms,
                 const std::map<std::string, Tensor>& parameters) {
  double largest = 0;
  for (const auto& norm : norms) {
    if (!norm.is_null()) largest = std::max(largest, norm.get<double>());
  }
  for (const auto& [name, parameter] : parameters) {
    ASSERT_TRUE(norms.contains(name)) << name;
    if (norms[name].is_null()) {
      EXPECT_FALSE(parameter.grad().defined()) << name;
      continue;
    }
    const double expected = norms[name].get<double>();
    if (expected < 1e-5 * largest) continue;
    ASSERT_TRUE(parameter.grad().defined()) << name;
    EXPECT_NEAR(parameter.grad().norm().item<double>(), expected,
                1e-3 * expected)
        << name;
  }
}

class LdmOracle : public ::testing::TestWithParam<LdmFixture> {
 protected:
  const LdmFixture& fixture() const { return GetParam(); }

  Conditioning StoredConditioning() {
    Conditioning conditioning;
    conditioning.context = stored_["encoder_hidden_states"];
    if (stored_.contains("pooled")) {
      conditioning.pooled = stored_["pooled"];
      conditioning.size_ids = stored_["time_ids"];
    }
    return conditioning;
  }
  Tensor TimeIds() {
    return stored_.contains("time_ids") ? stored_["time_ids"] : Tensor();
  }
  NoiseLevels Levels() { return {stored_["timesteps"], Tensor()}; }

  // The loss of the stored prediction under other options.
  Tensor LossWith(const DiffusionOptions& options,
                  const Tensor& loss_weights = torch::ones({2})) {
    return DdpmRecipe(options, 4)
        .Loss(stored_["pred"], stored_["target"], Levels(), loss_weights, {});
  }
  void ExpectLoss(const Tensor& actual, const std::string& name) {
    EXPECT_TENSOR_NEAR(actual.view({1}), stored_[name], 1e-4, 1e-4) << name;
  }

  std::map<std::string, Tensor> stored_ =
      LoadOracle(GetParam().family + "/denoiser.safetensors");
};

TEST_P(LdmOracle, PredictsFromStoredConditioning) {
  Model model = LoadLdmModel(fixture());
  const Tensor pred = model.denoiser->forward(
      stored_["noisy"], stored_["timesteps"], StoredConditioning());
  EXPECT_TENSOR_NEAR(pred, stored_["pred"], kPredictionRel, kPredictionMax);
}

TEST_P(LdmOracle, PredictsInChannelsLastLayout) {
  Model model = LoadLdmModel(fixture());
  for (Tensor& parameter : model.denoiser->parameters()) {
    if (parameter.dim() == 4) {
      parameter.set_data(parameter.to(torch::MemoryFormat::ChannelsLast));
    }
  }
  const Tensor pred = model.denoiser->forward(
      stored_["noisy"].to(torch::MemoryFormat::ChannelsLast),
      stored_["timesteps"], StoredConditioning());
  EXPECT_TENSOR_NEAR(pred, stored_["pred"], kPredictionRel, kPredictionMax);
}

TEST_P(LdmOracle, PredictsForSizesThatDoNotDivide) {
  if (!stored_.contains("odd.sample")) GTEST_SKIP() << "not in this fixture";
  Model model = LoadLdmModel(fixture());
  Conditioning conditioning;
  conditioning.context = stored_["odd.encoder_hidden_states"];
  const Tensor pred = model.denoiser->forward(
      stored_["odd.sample"], stored_["odd.timestep"], conditioning);
  EXPECT_TENSOR_NEAR(pred, stored_["odd.pred"], kPredictionRel, kPredictionMax);
}

TEST_P(LdmOracle, AddsNoiseAndSaysTheTarget) {
  const Model model = LoadLdmModel(fixture());
  EXPECT_TENSOR_NEAR(
      model.recipe->AddNoise(stored_["latents"], stored_["noise"], Levels()),
      stored_["noisy"], 1e-5, 1e-5);
  EXPECT_TENSOR_NEAR(
      model.recipe->Target(stored_["latents"], stored_["noise"], Levels()),
      stored_["target"], 1e-5, 1e-5);
}

TEST_P(LdmOracle, WeighsTheLossByTimestep) {
  DiffusionOptions plain;
  plain.prediction_type = fixture().prediction;
  ExpectLoss(LossWith(plain), "loss");
  EXPECT_TENSOR_NEAR(LossWith(plain, torch::tensor({2.0f, 0.0f})),
                     stored_["loss_per_sample"][0], 1e-4, 1e-4);
  EXPECT_TENSOR_NEAR(LossWith(plain, torch::tensor({0.0f, 2.0f})),
                     stored_["loss_per_sample"][1], 1e-4, 1e-4);
  DiffusionOptions options = plain;
  options.min_snr_gamma = 5;
  ExpectLoss(LossWith(options), "loss_min_snr_gamma5");
  options = plain;
  options.debiased_estimation_loss = true;
  ExpectLoss(LossWith(options), "loss_debiased");
  options = plain;
  if (stored_.contains("loss_v_pred_like_0.2")) {
    options.v_pred_like_loss = 0.2;
    ExpectLoss(LossWith(options), "loss_v_pred_like_0.2");
  } else {
    options.scale_v_pred_loss_like_noise_pred = true;
    ExpectLoss(LossWith(options), "loss_scale_v_like_noise");
  }
}

TEST_P(LdmOracle, MakesTheVectorOfPooledCaptionAndSizes) {
  if (!stored_.contains("vector")) GTEST_SKIP() << "not in this fixture";
  Model model = LoadLdmModel(fixture());
  const Conditioning conditioning = ConditionOn(
      model, PromptsAt(fixture(), stored_["prompt_index"]), TimeIds());
  EXPECT_TRUE(conditioning.size_ids.equal(stored_["time_ids"]));
  const Tensor vector = torch::cat(
      {conditioning.pooled,
       TimestepEmbedding(conditioning.size_ids.flatten(), 256).view({2, -1})},
      1);
  EXPECT_TENSOR_NEAR(vector, stored_["vector"], kPredictionRel, kPredictionMax);
}

TEST_P(LdmOracle, GivesTheLossAndTheGradients) {
  for (const bool recompute : {false, true}) {
    Model model = LoadLdmModel(fixture());
    model.denoiser->SetGradientCheckpointing(recompute);
    model.conditioner->SetGradientCheckpointing(recompute);
    const Conditioning conditioning = ConditionOn(
        model, PromptsAt(fixture(), stored_["prompt_index"]), TimeIds());
    EXPECT_TENSOR_NEAR(conditioning.context, stored_["encoder_hidden_states"],
                       kPredictionRel, kPredictionMax);
    const Tensor loss = BatchLoss(model, stored_["latents"], stored_["noise"],
                                  stored_["timesteps"], conditioning);
    ExpectLoss(loss, "loss");
    loss.backward();
    const auto unet = UnetParameters(fixture(), model);
    const auto norms = LoadOracleJson(fixture().family + "/denoiser.json");
    ExpectGradients(stored_, "grad.", unet);
    ExpectNorms(norms["unet_grad_norms"], unet);
    for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
      // `text_encoder1` -> `te1`.
      const std::string te = "te" + encoder.name.substr(12);
      const auto parameters = ParametersOf(*encoder.module);
      ExpectGradients(stored_, te + ".grad.", parameters);
      ExpectNorms(norms[te + "_grad_norms"], parameters);
    }
  }
}

torch::optim::AdamWOptions AdamWOf(const nlohmann::json& json) {
  torch::optim::AdamWOptions options(json["lr"].get<double>());
  options.betas(
      {json["betas"][0].get<double>(), json["betas"][1].get<double>()});
  options.eps(json["eps"].get<double>());
  options.weight_decay(json["weight_decay"].get<double>());
  return options;
}

TEST_P(LdmOracle, FollowsTheTrajectoryOfAdamW) {
  Model model = LoadLdmModel(fixture());
  const auto parameters = UnetParameters(fixture(), model);
  std::map<std::string, Tensor> start;
  for (const auto& [name, parameter] : parameters) {
    start[name] = parameter.detach().clone();
  }
  const auto json = LoadOracleJson(fixture().family + "/denoiser.json");
  torch::optim::AdamW optimizer(model.denoiser->parameters(),
                                AdamWOf(json["trajectory"]));
  for (int64_t step = 0; step < stored_["traj.loss"].numel(); ++step) {
    Conditioning conditioning;
    {
      const torch::NoGradGuard no_gradients;
      conditioning = ConditionOn(
          model, PromptsAt(fixture(), stored_["traj.prompt_index"][step]),
          TimeIds());
    }
    const Tensor loss = BatchLoss(
        model, stored_["traj.latents"][step], stored_["traj.noise"][step],
        stored_["traj.timesteps"][step], conditioning);
    EXPECT_TENSOR_NEAR(loss, stored_["traj.loss"][step], 1e-3, 1e-3) << step;
    optimizer.zero_grad();
    loss.backward();
    const double norm =
        torch::nn::utils::clip_grad_norm_(model.denoiser->parameters(), 1.0);
    EXPECT_NEAR(norm / stored_["traj.grad_norm"][step].item<double>(), 1, 5e-3);
    optimizer.step();
  }
  int compared = 0;
  for (const auto& [name, parameter] : parameters) {
    const auto found = stored_.find("traj.final." + name);
    if (found == stored_.end()) continue;
    ++compared;
    EXPECT_TENSOR_NEAR(parameter - start[name], found->second - start[name],
                       5e-3, kLooseMax)
        << name;
  }
  EXPECT_GT(compared, 0);
}

INSTANTIATE_TEST_SUITE_P(All, LdmOracle, ::testing::Values(kSd1, kSd2, kSdxl),
                         [](const auto& test) { return test.param.family; });

}  // namespace
}  // namespace atelier::trainer::testing::ldm_oracle
