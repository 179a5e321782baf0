// FLUX.1's transformer and objective against the reference: predictions,
// losses, gradients of every parameter and six training steps.
#include "gtest/gtest.h"

#include "tests/oracle/flux_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/flux/transformer.h"

namespace atelier::trainer::testing {
namespace flux_oracle {

constexpr double kPredictionRel = 1e-4;
constexpr double kPredictionMax = 5e-4;
constexpr double kLossRel = 1e-4;
constexpr double kFluxGradientRel = 1e-3;
constexpr double kNoMax = 1e9;  // where only the norm is compared

Tensor LossOf(const Recipe& recipe, const Tensor& output,
              std::map<std::string, Tensor>& stored,
              const Tensor& loss_weights = torch::ones({2})) {
  const NoiseLevels levels = {stored["timesteps"], stored["timesteps"] / 1000};
  const Tensor noisy =
      recipe.AddNoise(stored["latents"], stored["noise"], levels);
  EXPECT_TENSOR_NEAR(noisy, stored["noisy"], 1e-6, 1e-6);
  const Tensor target =
      recipe.Target(stored["latents"], stored["noise"], levels);
  EXPECT_TRUE(target.equal(stored["target"]));
  return recipe.Loss(recipe.Prediction(output, noisy, levels), target, levels,
                     loss_weights, {});
}

class FluxOracle : public ::testing::TestWithParam<bool> {
 protected:
  Tensor Predict(Model& model, const Conditioning& conditioning) {
    return model.denoiser->forward(stored_["noisy"], stored_["timesteps"],
                                   conditioning);
  }
  Conditioning StoredConditioning() {
    Conditioning conditioning;
    conditioning.context = stored_["t5"];
    conditioning.pooled = stored_["pooled"];
    conditioning.guidance = stored_["guidance"];
    return conditioning;
  }

  std::map<std::string, Tensor> stored_ =
      LoadOracle("flux/denoiser.safetensors");
};

TEST_F(FluxOracle, PacksLatentsLikeTheReference) {
  const Tensor& noisy = stored_["noisy"];
  const Tensor packed = flux::PackLatents(noisy);
  EXPECT_TRUE(packed.equal(stored_["packed"]));
  EXPECT_TRUE(
      flux::UnpackLatents(packed, noisy.size(2), noisy.size(3)).equal(noisy));
}

TEST_F(FluxOracle, SchnellPredictsWithoutGuidance) {
  Model model = LoadModel(kSchnell).value();
  EXPECT_EQ(model.modelspec_architecture, "flux-1-schnell");
  const Conditioning conditioning =
      Encode(model, PromptsAt(stored_["prompt_index"]));
  EXPECT_FALSE(conditioning.guidance.defined());
  EXPECT_TENSOR_NEAR(Predict(model, conditioning), stored_["pred_schnell"],
                     kPredictionRel, kPredictionMax);
}

TEST_F(FluxOracle, PaddingIsHiddenFromEveryAttention) {
  ModelOptions options = Options();
  options.apply_t5_attn_mask = true;
  Model model = LoadModel(kDev, AllFiles(), options).value();
  Conditioning conditioning = Encode(model, PromptsAt(stored_["prompt_index"]));
  conditioning.guidance = stored_["guidance"];
  EXPECT_TENSOR_NEAR(Predict(model, conditioning), stored_["pred_t5_masked"],
                     kPredictionRel, kPredictionMax);
}

TEST_F(FluxOracle, ADiffusersFolderPredictsTheSame) {
  Model model = LoadModel(kDiffusers, {}).value();
  EXPECT_EQ(model.modelspec_architecture, "flux-1-dev");
  EXPECT_TENSOR_NEAR(Predict(model, StoredConditioning()), stored_["pred"],
                     kPredictionRel, kPredictionMax);
}

struct LossCase {
  const char* name;
  FlowPrediction prediction;
  FlowWeighting weighting;
};

TEST_F(FluxOracle, GivesTheLossOfEachPredictionAndWeighting) {
  using enum FlowPrediction;
  for (const LossCase& entry :
       {LossCase{"loss", kRaw, FlowWeighting::kNone},
        {"loss", kRaw, FlowWeighting::kCosmap},
        {"loss_additive_none", kAdditive, FlowWeighting::kNone},
        {"loss_sigma_scaled_none", kSigmaScaled, FlowWeighting::kNone},
        {"loss_sigma_scaled_sigma_sqrt", kSigmaScaled,
         FlowWeighting::kSigmaSqrt},
        {"loss_sigma_scaled_cosmap", kSigmaScaled, FlowWeighting::kCosmap}}) {
    ModelOptions options = Options();
    options.flow.prediction = entry.prediction;
    options.flow.weighting = entry.weighting;
    const auto recipe = LoadModel(kDev, AllFiles(), options).value().recipe;
    EXPECT_TENSOR_NEAR(LossOf(*recipe, stored_["pred"], stored_).view({1}),
                       stored_[entry.name], kLossRel, kLossRel)
        << entry.name;
  }
}

TEST_F(FluxOracle, WeighsTheLossOfEachSample) {
  const auto recipe = LoadModel(kDev).value().recipe;
  for (int64_t i = 0; i < 2; ++i) {
    Tensor weights = torch::zeros({2});
    weights[i] = 2;  // the mean is over both samples
    EXPECT_TENSOR_NEAR(LossOf(*recipe, stored_["pred"], stored_, weights),
                       stored_["loss_per_sample"][i], kLossRel, kLossRel);
  }
}

void ExpectGradients(const Model& model, std::map<std::string, Tensor>& stored,
                     const nlohmann::json& norms) {
  double largest = 0;
  for (const auto& norm : norms) {
    if (norm.is_number()) largest = std::max(largest, norm.get<double>());
  }
  const auto parameters = model.denoiser->named_parameters();
  size_t compared = 0;
  for (const auto& [name, norm] : norms.items()) {
    const Tensor* parameter = parameters.find(name);
    ASSERT_NE(parameter, nullptr) << name;
    ASSERT_TRUE(parameter->grad().defined()) << name;
    const double expected = norm.get<double>();
    if (expected >= 1e-5 * largest) {
      EXPECT_NEAR(parameter->grad().norm().item<double>() / expected, 1, 1e-3)
          << name;
    }
    if (!stored.contains("grad." + name)) continue;
    ++compared;
    EXPECT_TENSOR_NEAR(parameter->grad(), stored["grad." + name],
                       kFluxGradientRel, kNoMax)
        << name;
  }
  EXPECT_GT(compared, 10u);
}

TEST_P(FluxOracle, GivesTheLossAndTheGradients) {
  Model model = LoadModel(kDev).value();
  model.denoiser->SetGradientCheckpointing(GetParam());
  Conditioning conditioning = Encode(model, PromptsAt(stored_["prompt_index"]));
  EXPECT_TENSOR_NEAR(conditioning.context, stored_["t5"], kPredictionRel,
                     kPredictionMax);
  EXPECT_TENSOR_NEAR(conditioning.pooled, stored_["pooled"], kPredictionRel,
                     kPredictionMax);
  conditioning.guidance = stored_["guidance"];
  const Tensor pred = Predict(model, conditioning);
  EXPECT_TENSOR_NEAR(pred, stored_["pred"], kPredictionRel, kPredictionMax);
  const Tensor loss = LossOf(*model.recipe, pred, stored_);
  EXPECT_TENSOR_NEAR(loss.view({1}), stored_["loss"], kLossRel, kLossRel);
  loss.backward();
  ExpectGradients(model, stored_,
                  LoadOracleJson("flux/denoiser.json")["grad_norms"]);
}

INSTANTIATE_TEST_SUITE_P(Checkpointing, FluxOracle, ::testing::Bool());

torch::optim::AdamWOptions TrajectoryOptions() {
  const auto json = LoadOracleJson("flux/denoiser.json")["trajectory"];
  torch::optim::AdamWOptions options(json["lr"].get<double>());
  options.betas(
      {json["betas"][0].get<double>(), json["betas"][1].get<double>()});
  options.eps(json["eps"].get<double>());
  options.weight_decay(json["weight_decay"].get<double>());
  return options;
}

// The loss of step i of the trajectory.
Tensor StepLoss(Model& model, std::map<std::string, Tensor>& stored,
                int64_t i) {
  const Tensor sigmas = stored["traj.sigmas"][i];
  const NoiseLevels levels = {sigmas * 1000, sigmas};
  const Tensor latents = stored["traj.latents"][i];
  const Tensor noise = stored["traj.noise"][i];
  const Tensor noisy = model.recipe->AddNoise(latents, noise, levels);
  const Tensor output = model.denoiser->forward(
      noisy, levels.timesteps,
      Encode(model, PromptsAt(stored["traj.prompt_index"][i])));
  return model.recipe->Loss(model.recipe->Prediction(output, noisy, levels),
                            model.recipe->Target(latents, noise, levels),
                            levels, torch::ones({latents.size(0)}), {});
}

TEST_F(FluxOracle, FollowsTheTrajectoryOfAdamW) {
  Model model = LoadModel(kDev).value();
  std::map<std::string, Tensor> start;
  for (const auto& parameter : model.denoiser->named_parameters()) {
    start[parameter.key()] = parameter.value().detach().clone();
  }
  torch::optim::AdamW optimizer(model.denoiser->parameters(),
                                TrajectoryOptions());
  for (int64_t step = 0; step < stored_["traj.loss"].numel(); ++step) {
    const Tensor loss = StepLoss(model, stored_, step);
    EXPECT_TENSOR_NEAR(loss, stored_["traj.loss"][step], 1e-3, 1e-3) << step;
    optimizer.zero_grad();
    loss.backward();
    const double norm =
        torch::nn::utils::clip_grad_norm_(model.denoiser->parameters(), 1.0);
    EXPECT_NEAR(norm / stored_["traj.grad_norm"][step].item<double>(), 1, 5e-3);
    optimizer.step();
  }
  size_t compared = 0;
  for (const auto& [key, final_value] : stored_) {
    if (!key.starts_with("traj.final.")) continue;
    const std::string name = key.substr(std::string("traj.final.").size());
    ++compared;
    EXPECT_TENSOR_NEAR(
        *model.denoiser->named_parameters().find(name) - start.at(name),
        final_value - start.at(name), 5e-3, kNoMax)
        << name;
  }
  EXPECT_GT(compared, 0u);
}

}  // namespace flux_oracle
}  // namespace atelier::trainer::testing
