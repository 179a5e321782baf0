// Noise schedules, noising, and loss weights by signal-to-noise ratio.
#include <cstdlib>

#include "tests/support/oracle.h"
#include "trainer/diffusion/loss_weighting.h"
#include "trainer/diffusion/noise_schedule.h"

namespace atelier::trainer::schedules_oracle {
namespace {

using testing::LoadOracle;

constexpr double kTolerance = 1e-5;
constexpr char kSchedules[] = "shared/schedules.safetensors";

struct Variant {
  const char* name;
  bool zero_terminal_snr;
};

class SchedulesTest : public ::testing::TestWithParam<Variant> {
 protected:
  SchedulesTest()
      : golden_(LoadOracle(kSchedules)),
        schedule_(MakeNoiseSchedule(GetParam().zero_terminal_snr)) {}

  Tensor Expected(const std::string& name) const {
    return golden_.at(std::string(GetParam().name) + "." + name);
  }
  Tensor Snr() const {
    return ValuesAt(schedule_.snr, golden_.at("timesteps"));
  }
  // The fixture's loss of each sample times a weight.
  Tensor Weighted(const Tensor& weight) const {
    return golden_.at("loss_in") * weight;
  }

  std::map<std::string, Tensor> golden_;
  NoiseSchedule schedule_;
};

TEST_P(SchedulesTest, TablesMatchTheReference) {
  EXPECT_TENSOR_NEAR(schedule_.betas, Expected("betas"), kTolerance,
                     kTolerance);
  EXPECT_TENSOR_NEAR(schedule_.alphas_cumprod, Expected("alphas_cumprod"),
                     kTolerance, kTolerance);
  EXPECT_TENSOR_NEAR(schedule_.snr, Expected("all_snr"), kTolerance,
                     kTolerance);
}

TEST_P(SchedulesTest, NoisedLatentsMatchTheReference) {
  const Tensor noisy = AddNoise(schedule_, golden_.at("latents"),
                                golden_.at("noise"), golden_.at("timesteps"));
  EXPECT_TENSOR_NEAR(noisy, Expected("add_noise"), kTolerance, kTolerance);
}

TEST_P(SchedulesTest, VelocitiesMatchTheReference) {
  const Tensor velocity =
      Velocity(schedule_, golden_.at("latents"), golden_.at("noise"),
               golden_.at("timesteps"));
  EXPECT_TENSOR_NEAR(velocity, Expected("velocity"), kTolerance, kTolerance);
}

TEST_P(SchedulesTest, MinSnrLossesMatchTheReference) {
  int found = 0;
  const std::string prefix = std::string(GetParam().name) + ".min_snr_gamma";
  for (const auto& [name, expected] : golden_) {
    if (name.rfind(prefix, 0) != 0) continue;
    const double gamma = std::atof(name.c_str() + prefix.size());
    const bool velocity = name.substr(name.size() - 2) == "_v";
    const Tensor weight = MinSnrWeight(
        Snr(), gamma,
        velocity ? PredictionType::kVelocity : PredictionType::kEpsilon);
    EXPECT_TENSOR_NEAR(Weighted(weight), expected, kTolerance, kTolerance)
        << name;
    ++found;
  }
  EXPECT_GT(found, 0);
}

TEST_P(SchedulesTest, DebiasedLossesMatchTheReference) {
  EXPECT_TENSOR_NEAR(Weighted(DebiasedWeight(Snr(), PredictionType::kEpsilon)),
                     Expected("debiased_eps"), kTolerance, kTolerance);
  EXPECT_TENSOR_NEAR(Weighted(DebiasedWeight(Snr(), PredictionType::kVelocity)),
                     Expected("debiased_v"), kTolerance, kTolerance);
}

TEST_P(SchedulesTest, VelocityLossesScaledLikeNoiseMatchTheReference) {
  EXPECT_TENSOR_NEAR(Weighted(VelocityLikeNoiseWeight(Snr())),
                     Expected("scale_v_like_noise"), kTolerance, kTolerance);
}

TEST_P(SchedulesTest, VelocityLikeLossesMatchTheReference) {
  int found = 0;
  const std::string prefix =
      std::string(GetParam().name) + ".v_pred_like_loss_";
  for (const auto& [name, expected] : golden_) {
    if (name.rfind(prefix, 0) != 0) continue;
    const double strength = std::atof(name.c_str() + prefix.size());
    EXPECT_TENSOR_NEAR(Weighted(NoiseLikeVelocityWeight(Snr(), strength)),
                       expected, kTolerance, kTolerance)
        << name;
    ++found;
  }
  EXPECT_GT(found, 0);
}

INSTANTIATE_TEST_SUITE_P(All, SchedulesTest,
                         ::testing::Values(Variant{"plain", false},
                                           Variant{"ztsnr", true}),
                         [](const auto& test) {
                           return std::string(test.param.name);
                         });

}  // namespace
}  // namespace atelier::trainer::schedules_oracle
