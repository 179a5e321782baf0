// The Stable Diffusion 1.x U-Net against the reference: predictions, gradients
// and six training steps.
#include "gtest/gtest.h"

#include "tests/oracle/sd1_model.h"
#include "tests/support/oracle.h"

namespace atelier::trainer::testing {
namespace {

constexpr double kPredictionRel = 1e-4;
constexpr double kPredictionMax = 5e-4;
constexpr double kGradientRel = 1e-3;
constexpr double kLooseMax = 1e9;  // where only the norm is compared

// Our parameter for each name of the reference.
std::map<std::string, Tensor> UnetParameters(const Model& model) {
  const auto ours = model.denoiser->named_parameters();
  const std::string prefix = "model.diffusion_model.";
  std::map<std::string, Tensor> result;
  const auto json = LoadOracleJson("sd1/keymap.json");
  for (const auto& [diffusers, original] : json["unet"].items()) {
    result[diffusers] = ours[original.get<std::string>().substr(prefix.size())];
  }
  return result;
}

std::map<std::string, Tensor> TextParameters(const Model& model) {
  std::map<std::string, Tensor> result;
  const auto encoder = model.conditioner->TextEncoders().front().module;
  for (const auto& parameter : encoder->named_parameters()) {
    result[parameter.key()] = parameter.value();
  }
  return result;
}

Conditioning WithContext(const Tensor& context) {
  Conditioning conditioning;
  conditioning.context = context;
  return conditioning;
}

// The loss of a batch, from its latents, noise and timesteps.
Tensor BatchLoss(Model& model, const Tensor& latents, const Tensor& noise,
                 const Tensor& timesteps, const Conditioning& conditioning) {
  const Tensor noisy = model.recipe->AddNoise(latents, noise, timesteps);
  const Tensor pred = model.denoiser->forward(noisy, timesteps, conditioning);
  const Tensor target = model.recipe->Target(latents, noise, timesteps);
  return model.recipe->Loss(pred, target, timesteps,
                            torch::ones({latents.size(0)}), {});
}

std::vector<std::string> PickPrompts(const Tensor& indices) {
  const auto json = LoadOracleJson("sd1/prompts.json");
  std::vector<std::string> prompts;
  for (int64_t i = 0; i < indices.numel(); ++i) {
    prompts.push_back(json[indices[i].item<int64_t>()].get<std::string>());
  }
  return prompts;
}

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

void ExpectNorms(const nlohmann::json& norms,
                 const std::map<std::string, Tensor>& parameters) {
  double largest = 0;
  for (const auto& norm : norms)
    largest = std::max(largest, norm.get<double>());
  for (const auto& [name, parameter] : parameters) {
    ASSERT_TRUE(norms.contains(name)) << name;
    const double expected = norms[name].get<double>();
    if (expected < 1e-5 * largest) continue;
    EXPECT_NEAR(parameter.grad().norm().item<double>(), expected,
                1e-3 * expected)
        << name;
  }
}

class Sd1Oracle : public ::testing::TestWithParam<bool> {
 protected:
  std::map<std::string, Tensor> stored_ =
      LoadOracle("sd1/denoiser.safetensors");
};

TEST_F(Sd1Oracle, PredictsFromStoredConditioning) {
  Model model = LoadSd1("sd1/sd1.safetensors", Sd1Options()).value();
  const Tensor pred =
      model.denoiser->forward(stored_["noisy"], stored_["timesteps"],
                              WithContext(stored_["encoder_hidden_states"]));
  EXPECT_TENSOR_NEAR(pred, stored_["pred"], kPredictionRel, kPredictionMax);
}

TEST_F(Sd1Oracle, PredictsInChannelsLastLayout) {
  Model model = LoadSd1("sd1/sd1.safetensors", Sd1Options()).value();
  for (Tensor& parameter : model.denoiser->parameters()) {
    if (parameter.dim() == 4) {
      parameter.set_data(parameter.to(torch::MemoryFormat::ChannelsLast));
    }
  }
  const Tensor pred = model.denoiser->forward(
      stored_["noisy"].to(torch::MemoryFormat::ChannelsLast),
      stored_["timesteps"], WithContext(stored_["encoder_hidden_states"]));
  EXPECT_TENSOR_NEAR(pred, stored_["pred"], kPredictionRel, kPredictionMax);
}

TEST_F(Sd1Oracle, PredictsForSizesThatDoNotDivide) {
  Model model = LoadSd1("sd1/sd1.safetensors", Sd1Options()).value();
  const Tensor pred = model.denoiser->forward(
      stored_["odd.sample"], stored_["odd.timestep"],
      WithContext(stored_["odd.encoder_hidden_states"]));
  EXPECT_TENSOR_NEAR(pred, stored_["odd.pred"], kPredictionRel, kPredictionMax);
}

TEST_P(Sd1Oracle, GivesTheLossAndTheGradients) {
  Model model = TrainableSd1();
  model.denoiser->SetGradientCheckpointing(GetParam());
  model.conditioner->SetGradientCheckpointing(GetParam());
  const Conditioning conditioning =
      model.conditioner->Encode(PickPrompts(stored_["prompt_index"]), {});
  EXPECT_TENSOR_NEAR(conditioning.context, stored_["encoder_hidden_states"],
                     kPredictionRel, kPredictionMax);
  const Tensor loss = BatchLoss(model, stored_["latents"], stored_["noise"],
                                stored_["timesteps"], conditioning);
  EXPECT_TENSOR_NEAR(loss.view({1}), stored_["loss"], 1e-4, 1e-4);
  loss.backward();
  ExpectGradients(stored_, "grad.", UnetParameters(model));
  ExpectGradients(stored_, "te.grad.", TextParameters(model));
  const auto norms = LoadOracleJson("sd1/denoiser.json");
  ExpectNorms(norms["unet_grad_norms"], UnetParameters(model));
  ExpectNorms(norms["te_grad_norms"], TextParameters(model));
}

INSTANTIATE_TEST_SUITE_P(Checkpointing, Sd1Oracle, ::testing::Bool());

torch::optim::AdamWOptions TrajectoryOptions() {
  const auto json = LoadOracleJson("sd1/denoiser.json")["trajectory"];
  torch::optim::AdamWOptions options(json["lr"].get<double>());
  options.betas(
      {json["betas"][0].get<double>(), json["betas"][1].get<double>()});
  options.eps(json["eps"].get<double>());
  options.weight_decay(json["weight_decay"].get<double>());
  return options;
}

TEST_F(Sd1Oracle, FollowsTheTrajectoryOfAdamW) {
  Model model = TrainableSd1();
  const auto parameters = UnetParameters(model);
  std::map<std::string, Tensor> start;
  for (const auto& [name, parameter] : parameters) {
    start[name] = parameter.detach().clone();
  }
  torch::optim::AdamW optimizer(model.denoiser->parameters(),
                                TrajectoryOptions());
  for (int64_t step = 0; step < stored_["traj.loss"].numel(); ++step) {
    Conditioning conditioning;
    {
      const torch::NoGradGuard no_gradients;
      conditioning = model.conditioner->Encode(
          PickPrompts(stored_["traj.prompt_index"][step]), {});
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

}  // namespace
}  // namespace atelier::trainer::testing
