// Optimizers that need sums over a tensor: on a device LibTorch's operators
// come to what the loops on the CPU do.
#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"
#include "trainer/optim/registry.h"

namespace atelier::trainer {
namespace {

const torch::Device kDeviceOfSums = testing::FakeAccelerator::Device();

// A matrix and a vector after three steps, on the host.
std::vector<Tensor> AfterSteps(const std::string& name, torch::Device device) {
  torch::manual_seed(6);
  ParameterGroup group{"all", 1e-3, {}};
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{50, 70}, std::vector<int64_t>{90}}) {
    const Tensor weight = torch::randn(shape).to(device);
    group.parameters.push_back(
        {std::to_string(shape.size()), weight.set_requires_grad(true)});
  }
  auto optimizer = MakeOptimizer(name, {}, {group}).value();
  for (int step = 0; step < 3; ++step) {
    for (const NamedParameter& named : group.parameters) {
      named.parameter.mutable_grad() =
          torch::randn(named.parameter.sizes()).to(device);
    }
    optimizer->Step(0.5);
  }
  std::vector<Tensor> weights;
  for (const NamedParameter& named : group.parameters) {
    weights.push_back(named.parameter.detach().cpu());
  }
  return weights;
}

TEST(ReducingOptimizersTest, ADeviceComesToTheWeightsOfTheCpu) {
  for (const char* name :
       {"Adafactor", "Prodigy", "DAdaptAdam", "DAdaptAdamPreprint"}) {
    const std::vector<Tensor> there = AfterSteps(name, kDeviceOfSums);
    const std::vector<Tensor> here = AfterSteps(name, torch::kCPU);
    for (size_t i = 0; i < here.size(); ++i) {
      EXPECT_TRUE(torch::allclose(there[i], here[i], 1e-5, 1e-6)) << name;
    }
  }
}

}  // namespace
}  // namespace atelier::trainer
