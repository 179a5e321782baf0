// The transformers that there are, with some of their blocks in host memory.
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"
#include "tests/support/host_kernels.h"
#include "trainer/architectures/flux/transformer.h"
#include "trainer/architectures/lumina2/transformer.h"
#include "trainer/architectures/sd3/transformer.h"
#include "trainer/memory/swapped_block.h"
#include "trainer/optim/adamw.h"
#include "trainer/tensor/device.h"
#include "trainer/train/autocast.h"

namespace atelier::trainer::testing {
namespace {

using Direction = FakeTransfer::Direction;

const torch::Device kGpu = FakeAccelerator::Device();

struct SwapCase {
  std::string name;
  std::shared_ptr<Denoiser> (*make)();
  int64_t context_width;
  // blocks_to_swap, and the blocks that then live on the host.
  int64_t count;
  std::vector<int64_t> on_host;
};

std::shared_ptr<Denoiser> MakeFlux() {
  flux::FluxConfig config;
  config.hidden = flux::kHeadDim;
  config.heads = 1;
  config.mlp_hidden = 4 * config.hidden;
  config.double_blocks = 4;
  config.single_blocks = 6;
  config.in_channels = 16;
  config.context_width = 64;
  config.pooled_width = 64;
  return std::make_shared<flux::FluxImpl>(config);
}

std::shared_ptr<Denoiser> MakeSd3() {
  sd3::MmditConfig config;
  config.depth = 5;
  config.channels = 4;
  config.position_side = 16;
  config.context_width = 32;
  config.pooled_width = 64;
  config.mlp_hidden = 4 * config.width();
  config.qk_norm = true;
  config.dual_attention_blocks = 3;
  return std::make_shared<sd3::MmditImpl>(config);
}

std::shared_ptr<Denoiser> MakeLumina2() {
  lumina2::NextDitConfig config;
  config.width = lumina2::kHeadDim;
  config.heads = 1;
  config.key_value_heads = 1;
  config.layers = 6;
  config.patch_channels = 16;
  config.caption_width = 64;
  config.feed_forward = 128;
  config.modulation_width = 64;
  return std::make_shared<lumina2::NextDitImpl>(config);
}

const SwapCase kCases[] = {
    {"flux", MakeFlux, 64, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9}},
    {"sd3", MakeSd3, 32, 2, {1, 2, 3, 4}},
    // After two context refiners and two noise refiners.
    {"lumina2", MakeLumina2, 64, 3, {5, 6, 7, 8, 9}},
};

std::shared_ptr<Denoiser> MakeOnDevice(const SwapCase& row, int64_t count) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(4);
  auto denoiser = row.make();
  for (Tensor& parameter : denoiser->parameters()) {
    parameter.copy_(torch::randn(parameter.sizes()) * 0.05);
    parameter.set_requires_grad(true);
  }
  for (Tensor& buffer : denoiser->buffers()) {
    buffer.copy_(torch::randn(buffer.sizes()));
  }
  BlockRunner& runner = *denoiser->block_runner();
  const absl::Status swapped = runner.SetBlocksToSwap(count, kGpu);
  EXPECT_TRUE(swapped.ok()) << swapped;
  MoveModule(*denoiser, kGpu,
             [&](const Tensor& tensor) { return runner.IsSwapped(tensor); });
  return denoiser;
}

struct StepInputs {
  Tensor latents, timesteps, target;
  Conditioning conditioning;
};

StepInputs MakeInputs(const SwapCase& row, int64_t step) {
  torch::manual_seed(50 + step);
  StepInputs inputs;
  inputs.latents = torch::randn({2, 4, 6, 10}).to(kGpu);
  inputs.target = torch::randn({2, 4, 6, 10}).to(kGpu);
  inputs.timesteps = (torch::rand({2}) * 1000).to(kGpu);
  inputs.conditioning.context =
      torch::randn({2, 7, row.context_width}).to(kGpu);
  inputs.conditioning.pooled = torch::randn({2, 64}).to(kGpu);
  inputs.conditioning.guidance = torch::ones({2}).to(kGpu);
  inputs.conditioning.context_mask =
      torch::ones({2, 7}, torch::kInt64).to(kGpu);
  return inputs;
}

Tensor LossOf(Denoiser& denoiser, const StepInputs& inputs,
              torch::ScalarType precision = torch::kFloat32) {
  Tensor output;
  {
    const Autocast autocast(kGpu.type(), precision);
    output =
        denoiser.forward(inputs.latents, inputs.timesteps, inputs.conditioning);
  }
  return torch::mse_loss(output.to(torch::kFloat32), inputs.target);
}

// The weights after three steps of AdamW.
std::map<std::string, Tensor> Train(const SwapCase& row, int64_t count,
                                    bool recompute, bool offload,
                                    torch::ScalarType precision) {
  const auto denoiser = MakeOnDevice(row, count);
  denoiser->block_runner()->SetGradientCheckpointing(recompute, offload);
  ParameterGroup group{"transformer", 1e-3, {}};
  for (const auto& item : denoiser->named_parameters()) {
    group.parameters.push_back({item.key(), item.value()});
  }
  AdamW optimizer({group}, {}, &HostKernels());
  for (int64_t step = 0; step < 3; ++step) {
    LossOf(*denoiser, MakeInputs(row, step), precision).backward();
    optimizer.Step(1);
    denoiser->zero_grad();
  }
  std::map<std::string, Tensor> weights;
  for (const NamedParameter& named : group.parameters) {
    weights[named.name] = named.parameter.detach().cpu();
  }
  return weights;
}

class TransformerSwap : public ::testing::TestWithParam<SwapCase> {};

TEST_P(TransformerSwap, TrainsTheSameWeightsBitForBit) {
  for (const auto precision : {torch::kFloat32, torch::kBFloat16}) {
    const auto expected = Train(GetParam(), 0, false, false, precision);
    const auto check = [&](int64_t count, bool recompute, bool offload) {
      const auto found =
          Train(GetParam(), count, recompute, offload, precision);
      for (const auto& [name, weight] : expected) {
        EXPECT_TRUE(found.at(name).equal(weight)) << name;
      }
    };
    check(GetParam().count, false, false);
    check(GetParam().count, true, false);
    check(1, true, false);
    check(0, true, true);
  }
}

TEST_P(TransformerSwap, BlocksComeInTheOrderOfTheirUse) {
  const auto denoiser = MakeOnDevice(GetParam(), GetParam().count);
  const StepInputs inputs = MakeInputs(GetParam(), 0);
  std::vector<std::pair<int64_t, int64_t>> blocks;  // bytes to move, by index
  const auto plain = GetParam().make();
  std::vector<std::shared_ptr<torch::nn::Module>> modules;
  for (const auto& item : plain->named_children()) {
    const auto* const list = item.value()->as<torch::nn::ModuleListImpl>();
    if (list == nullptr) continue;
    modules.insert(modules.end(), list->begin(), list->end());
  }
  // Children are in the order of registration; Lumina 2 runs its context
  // refiner first, whose blocks are not swapped.
  std::vector<int64_t> expected;
  for (const int64_t index : GetParam().on_host) {
    expected.push_back(SwappedBlock::BytesOf(*modules[index]));
  }
  FakeAccelerator::ClearRecord();
  const Tensor loss = LossOf(*denoiser, inputs);
  std::vector<int64_t> found;
  for (const FakeTransfer& transfer : FakeAccelerator::transfers()) {
    if (transfer.stream == 0) continue;
    EXPECT_EQ(transfer.direction, Direction::kToDevice);
    EXPECT_FALSE(transfer.blocks);
    found.push_back(transfer.bytes);
  }
  EXPECT_THAT(found, ::testing::ElementsAreArray(expected));

  FakeAccelerator::ClearRecord();
  loss.backward();
  ASSERT_EQ(FakeAccelerator::syncs().size(), 1u);
  EXPECT_EQ(FakeAccelerator::syncs()[0].what, "event");
}

TEST_P(TransformerSwap, ThePeakOfAStepFallsByTheWeightsThatAreSwapped) {
  std::vector<int64_t> peaks;
  for (const int64_t count : {int64_t{0}, GetParam().count}) {
    FakeAccelerator::Finish();
    const int64_t before = FakeAccelerator::live_bytes();
    const auto denoiser = MakeOnDevice(GetParam(), count);
    denoiser->SetGradientCheckpointing(true);
    const StepInputs inputs = MakeInputs(GetParam(), 0);
    FakeAccelerator::ResetPeak();
    LossOf(*denoiser, inputs).backward();
    peaks.push_back(FakeAccelerator::peak_bytes() - before);
  }
  const auto plain = GetParam().make();
  int64_t smallest = std::numeric_limits<int64_t>::max();
  for (const auto& item : plain->named_children()) {
    const auto* const list = item.value()->as<torch::nn::ModuleListImpl>();
    if (list == nullptr) continue;
    for (const auto& block : *list) {
      smallest = std::min(smallest, SwappedBlock::BytesOf(*block));
    }
  }
  // Weights and gradients of each, at least.
  EXPECT_GT(peaks[0] - peaks[1], 2 * GetParam().count * smallest);
}

INSTANTIATE_TEST_SUITE_P(All, TransformerSwap, ::testing::ValuesIn(kCases),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace atelier::trainer::testing
