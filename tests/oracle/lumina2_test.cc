// Lumina Image 2's transformer and objective against the reference:
// predictions, losses, gradients of every parameter and six training steps.
#include "gtest/gtest.h"

#include "tests/oracle/lumina2_model.h"
#include "tests/support/oracle.h"

namespace atelier::trainer::testing {
namespace lumina2_oracle {

constexpr double kPredictionRel = 1e-4;
constexpr double kPredictionMax = 5e-4;
constexpr double kLossRel = 1e-4;
constexpr double kLuminaGradientRel = 1e-3;
constexpr double kNoMax = 1e9;  // where only the norm is compared
constexpr char kUnusedNorm[] = "norm_final.weight";

Tensor LossOf(const Recipe& recipe, const Tensor& output,
              std::map<std::string, Tensor>& stored,
              const Tensor& loss_weights = torch::ones({2})) {
  const NoiseLevels levels = {stored["timesteps"], stored["timesteps"] / 1000};
  EXPECT_TENSOR_NEAR(levels.sigmas.view({-1, 1, 1, 1}), stored["sigmas"], 1e-6,
                     1e-6);
  const Tensor noisy =
      recipe.AddNoise(stored["latents"], stored["noise"], levels);
  EXPECT_TENSOR_NEAR(noisy, stored["noisy"], 1e-6, 1e-6);
  const Tensor target =
      recipe.Target(stored["latents"], stored["noise"], levels);
  EXPECT_TRUE(target.equal(stored["target"]));
  return recipe.Loss(recipe.Prediction(output, noisy, levels), target, levels,
                     loss_weights, {});
}

class LuminaOracle : public ::testing::TestWithParam<bool> {
 protected:
  Tensor Predict(Model& model, const Conditioning& conditioning) {
    return model.denoiser->forward(stored_["noisy"], stored_["timesteps"],
                                   conditioning);
  }

  std::map<std::string, Tensor> stored_ =
      LoadOracle("lumina/denoiser.safetensors");
};

TEST_F(LuminaOracle, EveryFormPredictsTheSame) {
  const torch::NoGradGuard no_gradients;
  for (const char* main : {kTransformer, kAllInOne, kDiffusers}) {
    Model model =
        LoadModel(main, main == kTransformer ? AllFiles() : Components())
            .value();
    const Conditioning conditioning =
        Encode(model, PromptsAt(stored_["prompt_index"]));
    EXPECT_TRUE(conditioning.context_mask.equal(stored_["cap_mask"])) << main;
    const Tensor pred = Predict(model, conditioning);
    EXPECT_TENSOR_NEAR(pred, stored_["pred"], kPredictionRel, kPredictionMax)
        << main;
    EXPECT_TENSOR_NEAR(pred, stored_["pred_diffusers"], kPredictionRel,
                       kPredictionMax)
        << main;
  }
}

TEST_F(LuminaOracle, PaddingOfTheCaptionChangesNothing) {
  const torch::NoGradGuard no_gradients;
  ModelOptions options = Options();
  options.gemma2_max_token_length =
      stored_["cap_mask"].sum(1).max().item<int64_t>();
  Model model = LoadModel(kTransformer, AllFiles(), options).value();
  const Conditioning conditioning =
      Encode(model, PromptsAt(stored_["prompt_index"]));
  ASSERT_EQ(conditioning.context.size(1), options.gemma2_max_token_length);
  EXPECT_TENSOR_NEAR(Predict(model, conditioning), stored_["pred"],
                     kPredictionRel, kPredictionMax);
}

TEST_F(LuminaOracle, WeighsTheLossOfEachSample) {
  const auto recipe = LoadModel(kTransformer).value().recipe;
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
    ASSERT_EQ(parameter->grad().defined(), norm.is_number()) << name;
    if (!norm.is_number()) continue;
    const double expected = norm.get<double>();
    if (expected >= 1e-5 * largest) {
      EXPECT_NEAR(parameter->grad().norm().item<double>() / expected, 1, 1e-3)
          << name;
    }
    if (!stored.contains("grad." + name)) continue;
    ++compared;
    EXPECT_TENSOR_NEAR(parameter->grad(), stored["grad." + name],
                       kLuminaGradientRel, kNoMax)
        << name;
  }
  EXPECT_GT(compared, 10u);
}

TEST_P(LuminaOracle, GivesTheLossAndTheGradients) {
  Model model = LoadModel(kTransformer).value();
  model.denoiser->SetGradientCheckpointing(GetParam());
  const Conditioning conditioning =
      Encode(model, PromptsAt(stored_["prompt_index"]));
  EXPECT_TENSOR_NEAR(conditioning.context * stored_["cap_mask"].unsqueeze(-1),
                     stored_["cap_feats"] * stored_["cap_mask"].unsqueeze(-1),
                     kPredictionRel, kPredictionMax);
  const Tensor pred = Predict(model, conditioning);
  EXPECT_TENSOR_NEAR(pred, stored_["pred"], kPredictionRel, kPredictionMax);
  const Tensor loss = LossOf(*model.recipe, pred, stored_);
  EXPECT_TENSOR_NEAR(loss.view({1}), stored_["loss"], kLossRel, kLossRel);
  loss.backward();
  ExpectGradients(model, stored_,
                  LoadOracleJson("lumina/denoiser.json")["grad_norms"]);
}

INSTANTIATE_TEST_SUITE_P(Checkpointing, LuminaOracle, ::testing::Bool());

torch::optim::AdamWOptions TrajectoryOptions() {
  const auto json = LoadOracleJson("lumina/denoiser.json")["trajectory"];
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

TEST_F(LuminaOracle, FollowsTheTrajectoryOfAdamW) {
  Model model = LoadModel(kTransformer).value();
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
  const auto trained = model.denoiser->named_parameters();
  EXPECT_TRUE(trained.find(kUnusedNorm)->equal(start.at(kUnusedNorm)));
  size_t compared = 0;
  for (const auto& [key, final_value] : stored_) {
    if (!key.starts_with("traj.final.")) continue;
    const std::string name = key.substr(std::string("traj.final.").size());
    ++compared;
    EXPECT_TENSOR_NEAR(*trained.find(name) - start.at(name),
                       final_value - start.at(name), 5e-3, kNoMax)
        << name;
  }
  EXPECT_GT(compared, 0u);
}

}  // namespace lumina2_oracle
}  // namespace atelier::trainer::testing
