// The transformers of SD3, FLUX.1 and Lumina Image 2 and their text encoders
// against the reference: outputs, gradients, and both layouts of the weights.
#include <memory>

#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/architectures/flux/keys.h"
#include "trainer/architectures/flux/model.h"
#include "trainer/architectures/lumina2/keys.h"
#include "trainer/architectures/lumina2/model.h"
#include "trainer/architectures/sd3/keys.h"
#include "trainer/architectures/sd3/model.h"
#include "trainer/checkpoint/state_loader.h"
#include "trainer/text/gemma2.h"
#include "trainer/text/t5_encoder.h"

namespace atelier::trainer::testing {
namespace transformers_oracle {

constexpr double kOutputRel = 1e-4;
constexpr double kOutputMax = 5e-4;
constexpr double kGradientRel = 1e-3;
constexpr double kAnyMax = 1e9;

std::unique_ptr<CheckpointSource> Open(const std::string& name) {
  auto source = OpenCheckpoint(OraclePath(name));
  EXPECT_TRUE(source.ok()) << source.status();
  return *std::move(source);
}

// Sizes and weights of `name`, whose tensors begin with `prefix`.
template <typename Module, typename Detect>
std::shared_ptr<Module> Load(const std::string& name, const std::string& prefix,
                             Detect detect) {
  const auto source = Open(name);
  const auto config = detect(source->index(), prefix);
  EXPECT_TRUE(config.has_value()) << name << " is not recognised";
  auto module = std::make_shared<Module>(*config);
  StateLoadOptions options;
  options.prefix = prefix;
  const auto loaded = LoadState(*source, options, *module);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return module;
}

// The weights of a Diffusers folder are, through the key table, those of the
// original file.
void ExpectSameWeights(const std::string& folder, std::vector<KeyRule> rules,
                       const torch::nn::Module& module) {
  const auto source = Open(folder);
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, info] : source->index()) {
    if (name.rfind("transformer/", 0) != 0) continue;
    const auto tensor = source->Read(name);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    tensors[name.substr(std::string("transformer/").size())] = *tensor;
  }
  const auto map = KeyMap::Make(std::move(rules));
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_TRUE(map->CheckRoundTrip(tensors).ok());
  const auto original = map->Apply(tensors, KeyMap::Direction::kForward);
  ASSERT_TRUE(original.ok()) << original.status();
  const auto parameters = module.named_parameters();
  for (const auto& [name, tensor] : *original) {
    const Tensor* ours = parameters.find(name);
    if (ours == nullptr) continue;  // a buffer
    EXPECT_TRUE(torch::equal(*ours, tensor.to(torch::kFloat32))) << name;
  }
}

// Every gradient that the fixture holds, of the loss that it was made with.
void ExpectGradients(const torch::nn::Module& module,
                     const std::map<std::string, Tensor>& oracle,
                     const Tensor& loss) {
  loss.backward();
  const auto parameters = module.named_parameters();
  int compared = 0;
  for (const auto& [name, expected] : oracle) {
    if (name.rfind("grad.", 0) != 0) continue;
    const Tensor* parameter = parameters.find(name.substr(5));
    if (parameter == nullptr) continue;
    ++compared;
    EXPECT_TENSOR_NEAR(parameter->grad(), expected, kGradientRel, kAnyMax)
        << name;
  }
  EXPECT_GT(compared, 0);
}

void RequireGradients(const torch::nn::Module& module) {
  for (Tensor& parameter : module.parameters()) parameter.requires_grad_(true);
}

TEST(FluxOracleTest, PredictsLikeTheReference) {
  auto oracle = LoadOracle("flux/denoiser.safetensors");
  auto model =
      Load<flux::FluxImpl>("flux/flux1-dev.safetensors", "", flux::DetectFlux);
  RequireGradients(*model);
  model->SetGradientCheckpointing(true);
  Conditioning conditioning;
  conditioning.context = oracle["t5"];
  conditioning.pooled = oracle["pooled"];
  conditioning.guidance = oracle["guidance"];
  const Tensor pred =
      model->forward(oracle["noisy"], oracle["timesteps"], conditioning);
  EXPECT_TENSOR_NEAR(pred, oracle["pred"], kOutputRel, kOutputMax);
  ExpectGradients(*model, oracle, (pred - oracle["target"]).pow(2).mean());
}

TEST(FluxOracleTest, SchnellNeedsNoGuidance) {
  auto oracle = LoadOracle("flux/denoiser.safetensors");
  auto model = Load<flux::FluxImpl>("flux/flux1-schnell.safetensors", "",
                                    flux::DetectFlux);
  Conditioning conditioning;
  conditioning.context = oracle["t5"];
  conditioning.pooled = oracle["pooled"];
  EXPECT_TENSOR_NEAR(
      model->forward(oracle["noisy"], oracle["timesteps"], conditioning),
      oracle["pred_schnell"], kOutputRel, kOutputMax);
}

TEST(FluxOracleTest, BothLayoutsHoldTheSameWeights) {
  auto model =
      Load<flux::FluxImpl>("flux/flux1-dev.safetensors", "", flux::DetectFlux);
  ExpectSameWeights("flux/diffusers", flux::DiffusersKeys(), *model);
}

TEST(FluxOracleTest, T5EncodesWithAndWithoutItsMask) {
  auto oracle = LoadOracle("flux/text.safetensors");
  const auto source = Open("flux/t5xxl.safetensors");
  const auto config = T5Config::FromIndex(source->index(), "");
  ASSERT_TRUE(config.ok()) << config.status();
  T5Encoder encoder(*config);
  StateLoadOptions options;
  options.may_ignore = {"encoder.embed_tokens.weight"};
  const auto loaded = LoadState(*source, options, *encoder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const int64_t rows = oracle["t5.out"].size(0);
  const Tensor ids = oracle["t5.ids"].slice(0, 0, rows);
  const Tensor mask = oracle["t5.mask"].slice(0, 0, rows);
  EXPECT_TENSOR_NEAR(encoder(ids), oracle["t5.out"], kOutputRel, kOutputMax);
  EXPECT_TENSOR_NEAR(encoder(ids, mask), oracle["t5.out_masked"], kOutputRel,
                     kOutputMax);
}

TEST(Sd3OracleTest, PredictsLikeTheReference) {
  auto oracle = LoadOracle("sd3/denoiser.safetensors");
  auto model =
      Load<sd3::MmditImpl>("sd3/sd3_medium_incl_clips_t5xxl.safetensors",
                           "model.diffusion_model.", sd3::DetectMmdit);
  RequireGradients(*model);
  Conditioning conditioning;
  conditioning.context = oracle["context"];
  conditioning.pooled = oracle["pooled"];
  const Tensor pred =
      model->forward(oracle["noisy"], oracle["timesteps"], conditioning);
  EXPECT_TENSOR_NEAR(pred, oracle["pred"], kOutputRel, kOutputMax);
  const Tensor denoised = pred * -oracle["sigmas"] + oracle["noisy"];
  const Tensor loss = (denoised - oracle["latents"]).pow(2).mean();
  EXPECT_TENSOR_NEAR(loss.reshape({1}), oracle["loss"], kOutputRel, kOutputMax);
  ExpectGradients(*model, oracle, loss);
}

TEST(Sd3OracleTest, DualAttentionPredictsLikeTheReference) {
  auto oracle = LoadOracle("sd3/denoiser.safetensors");
  auto expected = LoadOracle("sd3/denoiser_sd35.safetensors");
  const std::string file = "sd3/sd3.5_medium.safetensors";
  auto model =
      Load<sd3::MmditImpl>(file, "model.diffusion_model.", sd3::DetectMmdit);
  Conditioning conditioning;
  conditioning.context = oracle["context"];
  conditioning.pooled = oracle["pooled"];
  EXPECT_TENSOR_NEAR(
      model->forward(oracle["noisy"], oracle["timesteps"], conditioning),
      expected["pred"], kOutputRel, kOutputMax);
}

TEST(Sd3OracleTest, BothLayoutsHoldTheSameWeights) {
  auto model =
      Load<sd3::MmditImpl>("sd3/sd3_medium_incl_clips_t5xxl.safetensors",
                           "model.diffusion_model.", sd3::DetectMmdit);
  ExpectSameWeights(
      "sd3/diffusers",
      sd3::DiffusersKeys(static_cast<int64_t>(model->joint_blocks->size())),
      *model);
}

TEST(LuminaOracleTest, PredictsLikeTheReference) {
  auto oracle = LoadOracle("lumina/denoiser.safetensors");
  auto model = Load<lumina2::NextDitImpl>("lumina/lumina2.safetensors", "",
                                          lumina2::DetectNextDit);
  RequireGradients(*model);
  Conditioning conditioning;
  conditioning.context = oracle["cap_feats"];
  conditioning.context_mask = oracle["cap_mask"];
  const Tensor pred =
      model->forward(oracle["noisy"], oracle["timesteps"], conditioning);
  EXPECT_TENSOR_NEAR(pred, oracle["pred"], kOutputRel, kOutputMax);
  ExpectGradients(*model, oracle, (pred - oracle["target"]).pow(2).mean());
}

TEST(LuminaOracleTest, BothLayoutsHoldTheSameWeights) {
  const auto source = Open("lumina/lumina2.safetensors");
  const auto config = lumina2::DetectNextDit(source->index(), "");
  ASSERT_TRUE(config.has_value());
  auto model = Load<lumina2::NextDitImpl>("lumina/lumina2.safetensors", "",
                                          lumina2::DetectNextDit);
  ExpectSameWeights("lumina/diffusers", lumina2::DiffusersKeys(*config),
                    *model);
}

TEST(LuminaOracleTest, GemmaEncodesLikeTheReference) {
  auto oracle = LoadOracle("lumina/text.safetensors");
  const auto source = Open("lumina/gemma2.safetensors");
  const auto config = Gemma2Config::FromIndex(source->index(), "model.");
  ASSERT_TRUE(config.ok()) << config.status();
  Gemma2 encoder(*config);
  StateLoadOptions options;
  options.prefix = "model.";
  const auto loaded = LoadState(*source, options, *encoder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const int64_t rows = oracle["out"].size(0);
  const Tensor mask = oracle["mask"].slice(0, 0, rows);
  const Tensor out = encoder(oracle["ids"].slice(0, 0, rows), mask);
  EXPECT_TENSOR_NEAR(out * mask.unsqueeze(-1), oracle["out"], kOutputRel,
                     kOutputMax);
}

}  // namespace transformers_oracle
}  // namespace atelier::trainer::testing
