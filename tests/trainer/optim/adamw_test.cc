#include "trainer/optim/adamw.h"

#include <ATen/Parallel.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"
#include "tests/support/host_kernels.h"

namespace atelier::trainer::adamw_test {
namespace {

using ::testing::HasSubstr;

// One group with one parameter and its gradient.
std::vector<ParameterGroup> OneParameter(const Tensor& weight,
                                         const Tensor& grad) {
  const Tensor parameter = weight.clone().set_requires_grad(true);
  if (grad.defined()) parameter.mutable_grad() = grad;
  return {{"unet", 1e-2, {{"weight", parameter}}}};
}

Tensor WeightOf(Optimizer& optimizer) {
  return optimizer.groups()[0].parameters[0].parameter.detach();
}

// The weight after one step.
Tensor AfterStep(const Tensor& weight, const Tensor& grad,
                 double grad_scale = 1) {
  AdamW optimizer(OneParameter(weight, grad), {});
  optimizer.Step(grad_scale);
  return WeightOf(optimizer);
}

TEST(AdamWTest, NumberOfThreadsChangesNoBit) {
  torch::manual_seed(1);
  const Tensor weight = torch::randn({500, 401});
  const Tensor grad = torch::randn({500, 401});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor alone = AfterStep(weight, grad);
  at::set_num_threads(3);
  const Tensor together = AfterStep(weight, grad);
  at::set_num_threads(threads);
  EXPECT_TRUE(alone.equal(together));
}

TEST(AdamWTest, HalfGradientsCountAsTheirValues) {
  torch::manual_seed(2);
  const Tensor weight = torch::randn({33, 7});
  const Tensor grad = torch::randn({33, 7}).to(torch::kBFloat16);
  EXPECT_TRUE(AfterStep(weight, grad.to(torch::kFloat32))
                  .equal(AfterStep(weight, grad)));
}

TEST(AdamWTest, GradScaleMultipliesTheGradient) {
  torch::manual_seed(3);
  const Tensor weight = torch::randn({33, 7});
  const Tensor grad = torch::randn({33, 7});
  EXPECT_TRUE(
      AfterStep(weight, grad * 0.25).equal(AfterStep(weight, grad, 0.25)));
}

TEST(AdamWTest, MemoryOrderOfTheGradientDoesNotMatter) {
  torch::manual_seed(4);
  const Tensor weight =
      torch::randn({4, 6, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast);
  const Tensor grad = torch::randn({4, 6, 3, 3});
  EXPECT_TRUE(
      AfterStep(weight, grad).equal(AfterStep(weight.contiguous(), grad)));
}

TEST(AdamWTest, AWeightWithGapsInMemoryIsUpdatedTheSame) {
  torch::manual_seed(5);
  const Tensor grad = torch::randn({8, 4});
  // Every second column.
  const Tensor storage = torch::randn({8, 8});
  const Tensor view = storage.slice(1, 0, 8, 2);
  const Tensor parameter = view.detach().set_requires_grad(true);
  parameter.mutable_grad() = grad;
  AdamW optimizer({{"unet", 1e-2, {{"weight", parameter}}}}, {});
  const Tensor expected = AfterStep(view, grad);
  optimizer.Step(1);
  EXPECT_TRUE(WeightOf(optimizer).equal(expected));
}

TEST(AdamWTest, ParameterWithoutGradientStands) {
  const Tensor weight = torch::ones({3});
  EXPECT_TRUE(AfterStep(weight, {}).equal(weight));
}

TEST(AdamWTest, FrozenGroupStandsAndHasNoState) {
  AdamW optimizer(OneParameter(torch::ones({3}), torch::ones({3})), {});
  optimizer.Freeze("unet");
  optimizer.Step(1);
  EXPECT_TRUE(WeightOf(optimizer).equal(torch::ones({3})));
  EXPECT_TRUE(optimizer.State().empty());
}

TEST(AdamWTest, WrongStateIsRefusedWithEveryFaultAndNothingChanges) {
  AdamW optimizer(OneParameter(torch::ones({3}), torch::ones({3})), {});
  std::map<std::string, Tensor> state = {
      {"weight.exp_avg", torch::ones({4})},
      {"weight.exp_avg_sq", torch::ones({3})},
      {"bias.step", torch::ones({}, torch::kInt64)}};
  const absl::Status status = optimizer.LoadState(state);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("missing weight.step"));
  EXPECT_THAT(message, HasSubstr("unexpected bias.step"));
  EXPECT_THAT(message, HasSubstr("weight.exp_avg is Float [4]"));
  EXPECT_EQ(optimizer.State().at("weight.exp_avg_sq").sum().item<float>(), 0);
}

const torch::Device kAccelerator = testing::FakeAccelerator::Device();

// Parameters of several kinds, with gradients.
std::vector<ParameterGroup> SeveralParameters(torch::Device device) {
  torch::manual_seed(8);
  ParameterGroup group{"unet", 1e-2, {}};
  const auto add = [&](const Tensor& weight, torch::ScalarType grad_type) {
    const Tensor parameter = weight.to(device).set_requires_grad(true);
    parameter.mutable_grad() =
        torch::randn(weight.sizes()).to(grad_type).to(device);
    group.parameters.push_back(
        {"p" + std::to_string(group.parameters.size()), parameter});
  };
  add(torch::randn({5, 7}), torch::kFloat32);
  add(torch::randn({5, 7}).t(), torch::kFloat32);
  add(torch::randn({4}), torch::kFloat32);
  return {group};
}

TEST(AdamWTest, KernelsOnADeviceGiveTheSameBitsAsTheLoopOnTheCpu) {
  AdamW here(SeveralParameters(torch::kCPU), {});
  AdamW there(SeveralParameters(kAccelerator), {}, &testing::HostKernels());
  for (int step = 0; step < 3; ++step) {
    here.Step(0.5);
    there.Step(0.5);
  }
  for (size_t i = 0; i < 3; ++i) {
    const Tensor updated = there.groups()[0].parameters[i].parameter;
    EXPECT_EQ(updated.device(), kAccelerator);
    EXPECT_TRUE(updated.cpu().equal(here.groups()[0].parameters[i].parameter));
  }
}

TEST(AdamWTest, OneLaunchUpdatesAllThatAreOnADevice) {
  static int64_t launches = 0;
  launches = 0;
  CudaApi kernels = testing::HostKernels();
  kernels.update = [](int device, const ElementUpdate* updates, int64_t count,
                      void* stream) {
    ++launches;
    return testing::UpdateOnHost(device, updates, count, stream);
  };
  AdamW optimizer(SeveralParameters(kAccelerator), {}, &kernels);
  testing::FakeAccelerator::ClearRecord();
  optimizer.Step(1);
  EXPECT_EQ(launches, 1);
  EXPECT_TRUE(testing::FakeAccelerator::syncs().empty());
}

}  // namespace
}  // namespace atelier::trainer::adamw_test
