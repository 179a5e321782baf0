// What needs a GPU; skipped with the reason where there is none.
#include "gtest/gtest.h"

#include "trainer/cuda/cuda_loader.h"
#include "trainer/optim/element/block_quantisation.h"
#include "trainer/optim/element_runner.h"

namespace atelier::trainer {
namespace {

ElementItem RandomItem(UpdateRule rule, torch::ScalarType type,
                       int64_t elements) {
  ElementItem item;
  item.rule = rule;
  item.weight = torch::randn({elements}).to(type);
  item.grad = torch::randn({elements}).to(type);
  item.rounding_key = static_cast<uint64_t>(elements) + 1;
  item.state = {torch::randn({elements}), torch::rand({elements})};
  switch (rule) {
    case UpdateRule::kAdamW:
      item.factors.adamw = MakeAdamWFactors(1e-2, 0.9, 0.999, 1e-8, 0.01, 3);
      break;
    case UpdateRule::kLion:
      item.factors.lion = MakeLionFactors(1e-3, 0.9, 0.99, 0.01);
      break;
    case UpdateRule::kMomentum:
      item.factors.momentum = MakeMomentumFactors(1e-2, 0.9, 0.01, true);
      break;
    default:
      item.factors.schedule_free = {1,     0.99f, 0.01f,  1,    1e-8f,
                                    0.01f, 0.1f,  -0.02f, 0.02f};
  }
  return item;
}

void InBlocks(ElementItem& item) {
  const int64_t blocks =
      (item.weight.numel() + kQuantisationBlock - 1) / kQuantisationBlock;
  for (size_t i = 0; i < 2; ++i) {
    item.state[i] = torch::randint(0, 256, item.weight.sizes(), torch::kUInt8);
    item.absmax[i] = torch::rand({blocks});
  }
}

ElementItem To(const ElementItem& item, torch::Device device) {
  ElementItem moved = item;
  moved.weight = item.weight.to(device, item.weight.scalar_type(), false, true);
  moved.grad = item.grad.to(device);
  for (size_t i = 0; i < 2; ++i) {
    moved.state[i] =
        item.state[i].to(device, item.state[i].scalar_type(), false, true);
    if (item.absmax[i].defined()) {
      moved.absmax[i] = item.absmax[i].to(device, torch::kFloat32, false, true);
    }
  }
  return moved;
}

TEST(GpuTest, TheKernelsUpdateAsTheLoopOnTheCpuDoes) {
  const auto opened = OpenDevice({DeviceRequest::Kind::kCuda, 0});
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  const auto api = LoadCuda();
  ASSERT_TRUE(api.ok()) << api.status();
  torch::manual_seed(5);
  std::vector<ElementItem> here;
  std::vector<ElementItem> there;
  for (const UpdateRule rule :
       {UpdateRule::kAdamW, UpdateRule::kLion, UpdateRule::kMomentum,
        UpdateRule::kScheduleFree}) {
    // More tensors than one launch takes, from none to many elements.
    for (int i = 0; i < 60; ++i) {
      constexpr torch::ScalarType kTypes[] = {torch::kFloat32, torch::kBFloat16,
                                              torch::kHalf};
      here.push_back(RandomItem(rule, kTypes[i % 3], i * i * 7));
      if (i % 2 == 1 && rule != UpdateRule::kScheduleFree) {
        InBlocks(here.back());
      }
      there.push_back(To(here.back(), opened->device));
    }
  }
  ElementRunner({}, nullptr).Run(here);
  ElementRunner({}, *api).Run(there);
  for (size_t i = 0; i < here.size(); ++i) {
    // The GPU fuses multiplications with additions, which may turn a rounding.
    EXPECT_TRUE(torch::allclose(there[i].weight.cpu().to(torch::kFloat32),
                                here[i].weight.to(torch::kFloat32), 1e-2, 1e-3))
        << i;
  }
}

}  // namespace
}  // namespace atelier::trainer
