#include <ATen/autocast_mode.h>

#include "gtest/gtest.h"

#include "tests/trainer/architectures/tiny_sd3.h"
#include "trainer/architectures/sd3/positions.h"
#include "trainer/architectures/sd3/transformer.h"

namespace atelier::trainer::sd3 {
namespace {

using ::atelier::trainer::testing::TinyMmditConfig;
using ::atelier::trainer::testing::TinySd3Tensors;

std::shared_ptr<MmditImpl> MakeTransformer(
    const MmditConfig& config = TinyMmditConfig()) {
  const torch::NoGradGuard no_gradients;
  auto module = std::make_shared<MmditImpl>(config);
  const auto tensors = TinySd3Tensors(config);
  for (auto& item : module->named_parameters()) {
    item.value().copy_(tensors.at(kMmditPrefix + item.key()));
  }
  module->pos_embed.copy_(tensors.at("model.diffusion_model.pos_embed"));
  return module;
}

Conditioning RandomConditioning(int64_t batch) {
  Conditioning conditioning;
  conditioning.context = torch::randn({batch, 10, 128});
  conditioning.pooled = torch::randn({batch, 128});
  return conditioning;
}

TEST(MmditTest, ReflectsOddSides) {
  const torch::NoGradGuard no_gradients;
  const auto module = MakeTransformer();
  const Conditioning conditioning = RandomConditioning(1);
  const Tensor latents = torch::randn({1, 16, 7, 9});
  const Tensor timesteps = torch::tensor({500.0});
  const Tensor whole = torch::reflection_pad2d(latents, {0, 1, 0, 1});
  EXPECT_TRUE(module->forward(latents, timesteps, conditioning)
                  .equal(module->forward(whole, timesteps, conditioning)
                             .slice(2, 0, 7)
                             .slice(3, 0, 9)));
}

TEST(MmditTest, CropsPositionsForEachSample) {
  const torch::NoGradGuard no_gradients;
  const auto module = MakeTransformer();
  Conditioning conditioning = RandomConditioning(2);
  const Tensor latents = torch::randn({2, 16, 6, 8});
  const Tensor timesteps = torch::tensor({500.0, 100.0});
  const Tensor centred = module->forward(latents, timesteps, conditioning);
  conditioning.position_crop = torch::tensor({{-1.0, -1.0}, {0.0, 0.999}});
  const Tensor cropped = module->forward(latents, timesteps, conditioning);
  EXPECT_TRUE(torch::allclose(cropped[0], centred[0], 1e-4, 1e-5));
  EXPECT_FALSE(torch::allclose(cropped[1], centred[1], 1e-2, 1e-3));
}

TEST(MmditTest, ComputesUnderAutocast) {
  const torch::NoGradGuard no_gradients;
  MmditConfig config = TinyMmditConfig();
  config.qk_norm = true;
  config.dual_attention_blocks = 1;
  const auto module = MakeTransformer(config);
  const Conditioning conditioning = RandomConditioning(1);
  const Tensor latents = torch::randn({1, 16, 8, 8});
  const Tensor timesteps = torch::tensor({500.0});
  const Tensor full = module->forward(latents, timesteps, conditioning);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, torch::kBFloat16);
  const Tensor half = module->forward(latents, timesteps, conditioning);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  const double error =
      ((half.to(torch::kFloat32) - full).norm() / full.norm()).item<double>();
  EXPECT_GT(error, 0);
  EXPECT_LT(error, 0.05);
}

TEST(PositionsTest, CropsWithinTheTable) {
  const Tensor table = torch::arange(25).view({5, 5, 1});
  EXPECT_EQ(CropPositions(table, 2, 3, {})[0][0].item<int64_t>(), 6);
  const Tensor corners =
      CropPositions(table, 2, 3, torch::tensor({{0.0, 0.0}, {0.9999, 0.9999}}));
  EXPECT_EQ(corners[0][0].item<int64_t>(), 0);
  EXPECT_EQ(corners[1][5].item<int64_t>(), 24);
}

TEST(PositionsTest, SpansTheSamePositionsAtEveryResolution) {
  // The first patch of the middle stands at 0, whatever its number of patches.
  for (const int64_t sample : {4, 8, 16}) {
    const int64_t side = sample * 3 / 2;
    const Tensor table = ScaledPositionTable(8, side, sample);
    const int64_t first = (side - sample) / 2;
    EXPECT_TRUE(torch::allclose(
        table[first][first],
        torch::tensor({0.0f, 0.0f, 1.0f, 1.0f, 0.0f, 0.0f, 1.0f, 1.0f})));
  }
}

TEST(PositionsTest, ChoosesTheTableNearestInArea) {
  ScaledPositions positions({16, 8, 16}, 2, 8);  // samples 4 and 8
  const auto side = [&](int64_t rows, int64_t columns) {
    return positions.Table(rows, columns, torch::kCPU).size(0);
  };
  EXPECT_EQ(side(4, 4), 6);
  EXPECT_EQ(side(5, 8), 12);  // its 40 is the last area of sample 4, too wide
  EXPECT_EQ(side(6, 7), 12);
  EXPECT_EQ(side(12, 12), 12);
  EXPECT_EQ(side(4, 20), 30);
}

}  // namespace
}  // namespace atelier::trainer::sd3
