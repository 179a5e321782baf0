// What a run remembers: validations, usual losses, losses of images.
#include "trainer/train/course.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;

std::vector<Validated::Row> Rows(double weights, double average) {
  return {{"weights", weights, 0.1, {weights}, {0.1}},
          {"ema0.9", average, 0.1, {average}, {0.1}}};
}

TEST(CourseTest, TheBestValidationIsTheLowestOfWeightsAndAverages) {
  ValidationHistory history;
  EXPECT_TRUE(history.Add(10, Rows(0.5, 0.6), 0));
  EXPECT_TRUE(history.Add(20, Rows(0.6, 0.4), 0));
  EXPECT_EQ(history.best_weights, "ema0.9");
  EXPECT_FALSE(history.Add(30, Rows(0.5, 0.45), 0));
  EXPECT_EQ(history.best_step, 20);
  EXPECT_EQ(history.best_loss, 0.4);
  EXPECT_EQ(history.without_improvement, 1);
  EXPECT_TRUE(history.Add(40, Rows(0.3, 0.45), 0));
  EXPECT_EQ(history.without_improvement, 0);
}

TEST(CourseTest, ASmallerGainThanAskedForIsNoImprovement) {
  ValidationHistory history;
  history.Add(1, Rows(0.5, 0.5), 0.1);
  // The best of all, kept, but patience runs.
  EXPECT_TRUE(history.Add(2, Rows(0.45, 0.5), 0.1));
  EXPECT_EQ(history.without_improvement, 1);
  EXPECT_TRUE(history.Add(3, Rows(0.39, 0.5), 0.1));
  EXPECT_EQ(history.without_improvement, 0);
}

TEST(CourseTest, AValidationThatIsNotFiniteIsNeverTheBest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ValidationHistory history;
  EXPECT_FALSE(history.Add(1, Rows(nan, nan), 0));
  EXPECT_EQ(history.best_step, 0);
  EXPECT_TRUE(history.points.empty());
  EXPECT_TRUE(history.Add(2, Rows(nan, 0.5), 0));
  EXPECT_EQ(history.best_weights, "ema0.9");
}

TEST(CourseTest, ALossIsComparedWithOthersAtItsTimestep) {
  TimestepLosses usual;
  const std::vector<SampleLoss> high = {{0, 10, 2.0}};
  const std::vector<SampleLoss> both = {{0, 10, 2.0}, {1, 900, 0.01}};
  EXPECT_EQ(usual.Ratio(high), 1);  // nothing to compare with
  for (int i = 0; i < 4; ++i) {
    usual.Add(10, 1.0);
    usual.Add(900, 0.01);
  }
  EXPECT_DOUBLE_EQ(usual.Ratio(high), 2);
  EXPECT_DOUBLE_EQ(usual.Ratio(both), 2.01 / 1.01);
  EXPECT_DOUBLE_EQ(usual.Usual(30), 1.0);
  EXPECT_EQ(usual.Usual(500), 0);
  EXPECT_DOUBLE_EQ(usual.Usual(999.9), 0);
}

TEST(CourseTest, ImagesWithUnusualLossesComeFirst) {
  LossLedger ledger;
  ledger.Add(4, 0.2, 1.0);
  ledger.Add(1, 0.3, 1.5);
  ledger.Add(1, 0.1, 2.5);
  ledger.Add(0, 0.9, 0.5);
  EXPECT_THAT(ledger.WorstFirst(), ElementsAre(1, 4, 0));
  EXPECT_EQ(ledger.Of(1).count, 2);
  EXPECT_DOUBLE_EQ(ledger.Of(1).loss, 0.2);
  EXPECT_DOUBLE_EQ(ledger.Of(1).ratio, 2.0);
  EXPECT_EQ(ledger.Of(2).count, 0);
  EXPECT_EQ(ledger.Of(99).count, 0);
}

TEST(CourseTest, ACourseComesBackFromJsonBitForBit) {
  Course course;
  course.ended_epoch = 2;
  for (int i = 0; i < 30; ++i) {
    course.usual.Add(i * 33.3, 0.1 / (i + 1));
    course.loss_ratios.Add(std::sqrt(i));
    course.ledger.Add(i % 7, 1.0 / (i + 3), 0.1 * i);
  }
  course.validation.Add(5, Rows(1.0 / 3, 0.7), 0);
  course.warned = {"overfitting"};
  course.left_out = {{2, 5}};
  course.rollbacks = 1;
  const nlohmann::json json = CourseToJson(course);
  const auto read = CourseFromJson(nlohmann::json::parse(json.dump()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(CourseToJson(*read), json);
  EXPECT_EQ(read->validation.best_loss, 1.0 / 3);
  EXPECT_EQ(read->left_out[0].index, 5);
}

TEST(CourseTest, ADamagedCourseIsAnErrorAndAMissingOneIsNew) {
  EXPECT_TRUE(
      absl::IsDataLoss(CourseFromJson({{"validation", "broken"}}).status()));
  const auto fresh = CourseFromJson(nlohmann::json::object());
  ASSERT_TRUE(fresh.ok());
  EXPECT_EQ(fresh->rollbacks, 0);
}

}  // namespace
}  // namespace atelier::trainer
