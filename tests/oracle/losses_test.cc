// Element losses, huber thresholds and masks.
#include <cstdio>

#include "tests/support/oracle.h"
#include "trainer/diffusion/element_loss.h"

namespace atelier::trainer::losses_oracle {
namespace {

using testing::LoadOracle;

constexpr double kTolerance = 1e-5;
constexpr char kLosses[] = "shared/losses.safetensors";

// The options in `huber.exponential.c0.3.s2.mean`.
DiffusionOptions OptionsOf(const std::string& name) {
  char type[16];
  char schedule[16];
  DiffusionOptions options;
  EXPECT_EQ(std::sscanf(name.c_str(), "%15[^.].%15[^.].c%lf.s%lf", type,
                        schedule, &options.huber_c, &options.huber_scale),
            4)
      << name;
  options.loss_type =
      type == std::string("huber") ? LossType::kHuber : LossType::kSmoothL1;
  options.huber_schedule =
      schedule == std::string("constant") ? HuberSchedule::kConstant
      : schedule == std::string("snr")    ? HuberSchedule::kSnr
                                          : HuberSchedule::kExponential;
  return options;
}

class LossesTest : public ::testing::Test {
 protected:
  LossesTest() : golden_(LoadOracle(kLosses)) {}

  // Calls `check(case name, its options)` for every huber-like case.
  template <typename Check>
  void ForEachThresholdCase(const Check& check) const {
    const std::string ending = ".threshold";
    int found = 0;
    for (const auto& [name, tensor] : golden_) {
      const size_t at = name.rfind(ending);
      if (at == std::string::npos) continue;
      SCOPED_TRACE(name);
      check(name.substr(0, at), OptionsOf(name));
      ++found;
    }
    EXPECT_GT(found, 0);
  }

  Tensor Threshold(const DiffusionOptions& options) const {
    return HuberThreshold(options, schedule_, golden_.at("timesteps"));
  }
  Tensor Loss(const DiffusionOptions& options, const Tensor& output) const {
    return ElementLoss(options.loss_type, output, golden_.at("target"),
                       Threshold(options));
  }

  std::map<std::string, Tensor> golden_;
  NoiseSchedule schedule_ = MakeNoiseSchedule(false);
};

TEST_F(LossesTest, SquaredAndAbsoluteLossesMatchTheReference) {
  for (const auto& [name, type] :
       {std::pair{"l2", LossType::kL2}, std::pair{"l1", LossType::kL1}}) {
    const Tensor loss =
        ElementLoss(type, golden_.at("pred"), golden_.at("target"), {});
    EXPECT_TENSOR_NEAR(loss, golden_.at(name + std::string(".none")),
                       kTolerance, kTolerance);
    EXPECT_TENSOR_NEAR(loss.mean().reshape(1),
                       golden_.at(name + std::string(".mean")), kTolerance,
                       kTolerance);
  }
}

TEST_F(LossesTest, ThresholdsOfEveryScheduleMatchTheReference) {
  ForEachThresholdCase(
      [&](const std::string& name, const DiffusionOptions& options) {
        EXPECT_TENSOR_NEAR(Threshold(options), golden_.at(name + ".threshold"),
                           kTolerance, kTolerance);
      });
}

TEST_F(LossesTest, HuberLossesMatchTheReference) {
  ForEachThresholdCase([&](const std::string& name,
                           const DiffusionOptions& options) {
    const Tensor loss = Loss(options, golden_.at("pred"));
    EXPECT_TENSOR_NEAR(loss.mean({1, 2, 3}), golden_.at(name + ".per_sample"),
                       kTolerance, kTolerance);
    EXPECT_TENSOR_NEAR(loss.mean().reshape(1), golden_.at(name + ".mean"),
                       kTolerance, kTolerance);
  });
}

TEST_F(LossesTest, GradientsOfHuberLossesMatchTheReference) {
  ForEachThresholdCase([&](const std::string& name,
                           const DiffusionOptions& options) {
    const Tensor output = golden_.at("pred").clone().set_requires_grad(true);
    Loss(options, output).mean().backward();
    EXPECT_TENSOR_NEAR(output.grad()[0], golden_.at(name + ".grad_pred0"),
                       kTolerance, kTolerance);
  });
}

TEST_F(LossesTest, MaskedLossesMatchTheReference) {
  const Tensor loss =
      ElementLoss(LossType::kL2, golden_.at("pred"), golden_.at("target"), {});
  EXPECT_TENSOR_NEAR(
      MaskedLoss(loss, golden_.at("masked.alpha_masks").unsqueeze(1)),
      golden_.at("masked.alpha_loss"), kTolerance, kTolerance);
  // Conditioning images hold the mask in their first channel, in [-1, 1].
  const Tensor images = golden_.at("masked.conditioning_images");
  EXPECT_TENSOR_NEAR(MaskedLoss(loss, images.slice(1, 0, 1) / 2 + 0.5),
                     golden_.at("masked.conditioning_loss"), kTolerance,
                     kTolerance);
}

}  // namespace
}  // namespace atelier::trainer::losses_oracle
