#include "trainer/optim/ema.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"

namespace atelier::trainer {
namespace {

ParameterGroup Group(torch::ScalarType dtype = torch::kFloat32) {
  torch::manual_seed(3);
  ParameterGroup group;
  group.name = "unet";
  group.parameters = {{"a", torch::randn({3, 4}).to(dtype)},
                      {"b", torch::randn({5}).to(dtype)}};
  return group;
}

void Move(ParameterGroup& group) {
  for (NamedParameter& named : group.parameters) named.parameter.add_(1);
}

EmaOptions Decays(const std::vector<double>& values) {
  EmaOptions options;
  for (const double value : values) {
    options.decays.push_back({value == 0.5 ? "0.5" : "0.9", value});
  }
  return options;
}

// Weights that rise by 1 each step: e <- d e + (1 - d) w.
TEST(EmaTest, EachDecayFollowsItsFormula) {
  ParameterGroup group = Group();
  const Tensor start = group.parameters[0].parameter.clone();
  Ema ema({group}, Decays({0.5, 0.9}));
  double half = 0;
  double slow = 0;
  for (int step = 1; step <= 4; ++step) {
    Move(group);
    ema.Update(step);
    half = 0.5 * half + 0.5 * step;
    slow = 0.9 * slow + 0.1 * step;
  }
  const auto state = ema.State();
  EXPECT_TRUE(state.at("ema0.5/a").allclose(start + half));
  EXPECT_TRUE(state.at("ema0.9/a").allclose(start + slow));
  EXPECT_EQ(state.at("updates").item<int64_t>(), 4);
}

TEST(EmaTest, UntilTheStartStepAveragesAreTheWeights) {
  ParameterGroup group = Group();
  EmaOptions options = Decays({0.9});
  options.start_step = 2;
  Ema ema({group}, options);
  for (int step = 1; step <= 2; ++step) {
    Move(group);
    ema.Update(step);
  }
  const Tensor at_start = group.parameters[1].parameter.clone();
  EXPECT_TRUE(ema.State().at("ema0.9/b").equal(at_start));
  Move(group);
  ema.Update(3);
  EXPECT_TRUE(ema.State().at("ema0.9/b").allclose(at_start + 0.1));
}

TEST(EmaTest, WarmUpBeginsWithAShortMemory) {
  ParameterGroup group = Group();
  const Tensor start = group.parameters[0].parameter.clone();
  EmaOptions options = Decays({0.9});
  options.warmup = true;
  Ema ema({group}, options);
  double expected = 0;
  for (int n = 1; n <= 3; ++n) {
    Move(group);
    ema.Update(n);
    const double decay = std::min(0.9, (1.0 + n) / (10.0 + n));
    expected = decay * expected + (1 - decay) * n;
  }
  EXPECT_TRUE(ema.State().at("ema0.9/a").allclose(start + expected));
}

// The weights take the average's values and get their own bits back.
TEST(EmaTest, UsingAnAverageLeavesNoTrace) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    SCOPED_TRACE(torch::toString(dtype));
    ParameterGroup group = Group(dtype);
    Ema ema({group}, Decays({0.5, 0.9}));
    Move(group);
    ema.Update(1);
    const Tensor& weight = group.parameters[0].parameter;
    const Tensor weight_before = weight.clone();
    const Tensor average = ema.State().at("ema0.9/a").clone();
    {
      const Ema::Use use(ema, 1);
      EXPECT_EQ(ema.in_use(), "ema0.9");
      EXPECT_TRUE(weight.equal(average.to(dtype)));
      EXPECT_FALSE(weight.equal(weight_before));
    }
    EXPECT_EQ(ema.in_use(), "");
    EXPECT_TRUE(weight.equal(weight_before));
    EXPECT_TRUE(ema.State().at("ema0.9/a").equal(average));
  }
}

TEST(EmaTest, AStateGoesOnWithTheSameBits) {
  ParameterGroup group = Group();
  EmaOptions options = Decays({0.9});
  options.warmup = true;
  Ema whole({group}, options);
  Move(group);
  whole.Update(1);
  std::map<std::string, Tensor> saved;
  for (const auto& [name, tensor] : whole.State()) saved[name] = tensor.clone();
  Ema resumed({Group()}, options);
  ASSERT_TRUE(resumed.LoadState(saved).ok());
  ParameterGroup other = group;
  Ema moved({other}, options);
  ASSERT_TRUE(moved.LoadState(saved).ok());
  Move(group);
  whole.Update(2);
  moved.Update(2);
  for (const auto& [name, tensor] : whole.State()) {
    EXPECT_TRUE(tensor.equal(moved.State().at(name))) << name;
  }
  saved.erase("ema0.9/b");
  const absl::Status status = resumed.LoadState(saved);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("ema0.9/b"));
}

// Weights in bf16 still have averages in fp32, which move by less than a bf16
// could.
TEST(EmaTest, AveragesAreFp32WhateverTheWeightsAre) {
  ParameterGroup group = Group(torch::kBFloat16);
  EmaOptions options;
  options.decays = {{"0.9999", 0.9999}};
  Ema ema({group}, options);
  const Tensor before = ema.State().at("ema0.9999/a").clone();
  ASSERT_EQ(before.scalar_type(), torch::kFloat32);
  Move(group);
  ema.Update(1);
  const Tensor moved = ema.State().at("ema0.9999/a") - before;
  EXPECT_TRUE(moved.allclose(torch::full({3, 4}, 1e-4), 0.05, 1e-7));
}

const torch::Device kAccelerator = testing::FakeAccelerator::Device();

TEST(EmaTest, OffloadedAveragesLieInHostMemory) {
  for (const bool offload : {false, true}) {
    ParameterGroup group;
    group.name = "unet";
    group.parameters = {{"a", torch::ones({4}).to(kAccelerator)}};
    EmaOptions options = Decays({0.5});
    options.offload = offload;
    Ema ema({group}, options);
    EXPECT_EQ(ema.State().at("ema0.5/a").is_cpu(), offload);
    group.parameters[0].parameter.add_(1);
    ema.Update(1);
    EXPECT_TRUE(ema.State().at("ema0.5/a").cpu().equal(torch::full({4}, 1.5)));
    const Ema::Use use(ema, 0);
    EXPECT_TRUE(
        group.parameters[0].parameter.cpu().equal(torch::full({4}, 1.5)));
  }
}

}  // namespace
}  // namespace atelier::trainer
