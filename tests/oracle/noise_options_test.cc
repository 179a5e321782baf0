// Noise offset, multi-resolution noise and input perturbation from given draws.
#include "trainer/diffusion/noise_options.h"

#include <cstdio>
#include <cstdlib>

#include "tests/support/oracle.h"
#include "trainer/diffusion/noise_schedule.h"

namespace atelier::trainer::noise_options_oracle {
namespace {

using testing::LoadOracle;

constexpr double kTolerance = 1e-5;

class NoiseOptionsTest : public ::testing::Test {
 protected:
  NoiseOptionsTest()
      : golden_(LoadOracle("shared/noise_options.safetensors")) {}

  const Tensor& At(const std::string& name) const { return golden_.at(name); }

  Tensor Offset(const Tensor& strength, double adaptive_scale) const {
    return WithNoiseOffset(At("noise"), At("latents"), At("offset_draw"),
                           strength, adaptive_scale);
  }

  std::map<std::string, Tensor> golden_;
};

TEST_F(NoiseOptionsTest, OffsetNoiseMatchesTheReference) {
  const std::string prefix = "noise_offset_";
  int found = 0;
  for (const auto& [name, expected] : golden_) {
    if (name.rfind(prefix, 0) != 0) continue;
    double strength = 0;
    double adaptive_scale = 0;
    std::sscanf(name.c_str(), "noise_offset_%lf_adaptive_%lf", &strength,
                &adaptive_scale);
    EXPECT_TENSOR_NEAR(Offset(torch::tensor(strength), adaptive_scale),
                       expected, kTolerance, kTolerance)
        << name;
    ++found;
  }
  EXPECT_GT(found, 0);
}

TEST_F(NoiseOptionsTest, MultiresNoiseMatchesTheReference) {
  int found = 0;
  for (const auto& [name, expected] : golden_) {
    int iterations = 0;
    double discount = 0;
    int length = 0;
    std::sscanf(name.c_str(), "multires_%d_%lf%n", &iterations, &discount,
                &length);
    if (length != static_cast<int>(name.size())) continue;
    const Tensor random = At(name + ".random");
    const auto sizes = MultiresSizes(
        expected.size(2), expected.size(3),
        absl::MakeConstSpan(random.data_ptr<double>(), random.numel()));
    std::vector<Tensor> layers;
    for (size_t i = 0; i < sizes.size(); ++i) {
      layers.push_back(At(name + ".draw" + std::to_string(i)));
      EXPECT_EQ(layers.back().size(2), sizes[i].first);
      EXPECT_EQ(layers.back().size(3), sizes[i].second);
    }
    EXPECT_EQ(golden_.count(name + ".draw" + std::to_string(sizes.size())), 0u);
    EXPECT_TENSOR_NEAR(WithMultiresNoise(At("noise"), layers, discount),
                       expected, kTolerance, kTolerance)
        << name;
    ++found;
  }
  EXPECT_GT(found, 0);
}

TEST_F(NoiseOptionsTest, PerturbedInputsMatchTheReference) {
  int found = 0;
  for (const auto& [name, expected] : golden_) {
    double gamma = 0;
    int length = 0;
    std::sscanf(name.c_str(), "ip_noise_%lf.noisy%n", &gamma, &length);
    if (length == 0) continue;
    const Tensor input =
        WithInputPerturbation(At("noise"), At("ip_draw"), torch::tensor(gamma));
    EXPECT_TENSOR_NEAR(AddNoise(MakeNoiseSchedule(false), At("latents"), input,
                                At("timesteps")),
                       expected, kTolerance, kTolerance);
    ++found;
  }
  EXPECT_GT(found, 0);
}

TEST_F(NoiseOptionsTest, RandomStrengthsMatchTheReference) {
  constexpr double kStrength = 0.1;  // of both, in the reference's call
  const Tensor noise = Offset(At("offset_strength_draw") * kStrength, 0);
  EXPECT_TENSOR_NEAR(noise, At("offset_ip_random_strength.noise"), kTolerance,
                     kTolerance);
  const Tensor input = WithInputPerturbation(
      noise, At("ip_draw"), At("ip_strength_draw") * kStrength);
  EXPECT_TENSOR_NEAR(
      AddNoise(MakeNoiseSchedule(false), At("latents"), input, At("timesteps")),
      At("offset_ip_random_strength.noisy"), kTolerance, kTolerance);
}

}  // namespace
}  // namespace atelier::trainer::noise_options_oracle
