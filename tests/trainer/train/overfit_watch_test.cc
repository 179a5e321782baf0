// Judgements on made-up courses of a run: right alarms, and none on noise.
#include "trainer/train/hooks/overfit_watch.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/tensor/rng.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

const std::vector<double> kTimesteps = {100, 500, 900};

// Noise of a deviation of 1, the same for the same numbers.
double NoiseAt(uint64_t run, uint64_t point, uint64_t bin) {
  return Rng(run, RngPurpose::kValidation, point, bin).Normal();
}

// Loss of a bin after `point` validations.
using Curve = double (*)(int point, size_t bin);

std::vector<ValidationPoint> Course(int count, Curve held_out, Curve trained,
                                    double noise, uint64_t run) {
  std::vector<ValidationPoint> points;
  for (int i = 0; i < count; ++i) {
    ValidationPoint& point = points.emplace_back();
    point.step = (i + 1) * 10;
    for (size_t bin = 0; bin < kTimesteps.size(); ++bin) {
      const auto at = static_cast<uint64_t>(i);
      point.losses.push_back(held_out(i, bin) +
                             noise * NoiseAt(run, at, 2 * bin));
      point.train_losses.push_back(trained(i, bin) +
                                   noise * NoiseAt(run, at, 2 * bin + 1));
    }
  }
  return points;
}

double Flat(int, size_t bin) { return 0.1 + 0.05 * static_cast<double>(bin); }
double Falling(int point, size_t bin) {
  return Flat(0, bin) * (0.6 + 0.4 * std::exp(-point / 8.0));
}
// Falls, then rises again from the eighth validation on.
double TurningUp(int point, size_t bin) {
  return point < 8 ? Falling(point, bin)
                   : Falling(8, bin) + 0.004 * (point - 8);
}
double TurningUpAtFirstBin(int point, size_t bin) {
  return bin == 0 ? TurningUp(point, bin) : Falling(point, bin);
}
double Rising(int point, size_t bin) {
  return Flat(0, bin) + 0.004 * std::max(0, point - 8);
}

TEST(OverfitWatchTest, RisingHeldOutLossWithFallingTrainedLossIsOverfitting) {
  for (uint64_t run = 0; run < 20; ++run) {
    const auto verdict = JudgeOverfitting(
        Course(20, TurningUp, Falling, 0.001, run), kTimesteps);
    ASSERT_TRUE(verdict.has_value()) << run;
    EXPECT_THAT(*verdict, HasSubstr("overfits"));
  }
}

TEST(OverfitWatchTest, OneRangeOfTimestepsIsEnoughAndIsNamed) {
  const auto verdict = JudgeOverfitting(
      Course(20, TurningUpAtFirstBin, Falling, 0.0002, 1), kTimesteps);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_THAT(*verdict, HasSubstr("at timesteps 100"));
  EXPECT_THAT(*verdict, ::testing::Not(HasSubstr("500")));
}

// Flat and falling curves with noise of up to a tenth of the loss, judged after
// every validation.
TEST(OverfitWatchTest, NoiseIsNoAlarm) {
  int alarms = 0;
  for (uint64_t run = 0; run < 60; ++run) {
    for (const double noise : {0.0, 0.001, 0.01}) {
      for (const Curve curve : {Flat, Falling}) {
        const auto all = Course(40, curve, curve, noise, run);
        for (size_t count = 1; count <= all.size(); ++count) {
          const std::vector<ValidationPoint> seen(
              all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
          alarms += JudgeOverfitting(seen, kTimesteps).has_value() ? 1 : 0;
        }
      }
    }
  }
  EXPECT_EQ(alarms, 0);
}

TEST(OverfitWatchTest, ALossThatRisesForAllImagesIsNotOverfitting) {
  for (uint64_t run = 0; run < 20; ++run) {
    EXPECT_FALSE(
        JudgeOverfitting(Course(20, Rising, Rising, 0.001, run), kTimesteps)
            .has_value());
  }
}

TEST(OverfitWatchTest, FiveValidationsAreTooFew) {
  EXPECT_FALSE(JudgeOverfitting(Course(5, Rising, Falling, 0, 0), kTimesteps)
                   .has_value());
}

TEST(OverfitWatchTest, ASteadySlopeIsNoNoise) {
  std::vector<double> slope;
  std::vector<double> noisy;
  for (uint64_t i = 0; i < 200; ++i) {
    slope.push_back(0.01 * static_cast<double>(i));
    noisy.push_back(slope.back() + 0.1 * NoiseAt(5, i, 0));
  }
  EXPECT_NEAR(NoiseOf(slope), 0, 1e-12);
  EXPECT_NEAR(NoiseOf(noisy), 0.1, 0.03);
}

TEST(OverfitWatchTest, GradientsExplodeWhenTheirMedianDoes) {
  RecentValues norms(220);
  for (uint64_t i = 0; i < 200; ++i) {
    // Lone spikes are part of every run.
    norms.Add(std::exp(0.5 * NoiseAt(2, i, 0)) * (i % 15 == 0 ? 40 : 1));
    EXPECT_FALSE(JudgeGradients(norms).has_value()) << i;
  }
  for (int i = 0; i < 10; ++i) norms.Add(30);
  const auto verdict = JudgeGradients(norms);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_THAT(*verdict, HasSubstr("gradients explode"));
}

TEST(OverfitWatchTest, SamplesThatGrowAlikeAreTold) {
  EXPECT_FALSE(JudgeDiversity({}).has_value());
  EXPECT_FALSE(JudgeDiversity({0.5, 0.4, 0.6, 0.45}).has_value());
  EXPECT_FALSE(JudgeDiversity({0.5, 0.5, 0.1}).has_value());
  const auto verdict = JudgeDiversity({0.5, 0.5, 0.2, 0.1});
  ASSERT_TRUE(verdict.has_value());
  EXPECT_THAT(*verdict, HasSubstr("samples grow alike"));
}

}  // namespace
}  // namespace atelier::trainer
