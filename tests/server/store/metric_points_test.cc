#include "server/store/metric_points.h"

#include <cmath>

#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

using testing::MakeStep;
using testing::MakeSteps;

class MetricPointsTest : public ::testing::Test {
 protected:
  MetricPointsTest() {
    auto opened =
        MetricPoints::Open(folder_.File("metrics.db"), absl::UnixEpoch());
    EXPECT_TRUE(opened.ok()) << opened.status();
    points_ = *std::move(opened);
  }

  atelier::testing::TempDir folder_;
  std::unique_ptr<MetricPoints> points_;
};

TEST_F(MetricPointsTest, LongCurvesComeInCoarserBuckets) {
  points_->OnEvents(1, MakeSteps(1, 250));
  EXPECT_EQ(points_->ReadPoints(1, 1000)->size(), 250u);
  const auto coarse = *points_->ReadPoints(1, 100);
  ASSERT_EQ(coarse.size(), 26u);
  EXPECT_EQ(coarse[1].bucket_steps, 10);
  EXPECT_EQ(coarse[1].step, 10);
  EXPECT_EQ(coarse[1].count, 10);
  EXPECT_DOUBLE_EQ(coarse[1].max_loss, 1.0 / 11);
  EXPECT_DOUBLE_EQ(coarse[1].min_loss, 1.0 / 20);
  EXPECT_TRUE(points_->ReadPoints(2, 100)->empty());
}

TEST_F(MetricPointsTest, LossThatIsNotFiniteIsNotDrawn) {
  v1::Event event = MakeStep(2, 2);
  event.mutable_step_done()->set_loss(std::nan(""));
  points_->OnEvents(1, {MakeStep(1, 1), event, MakeStep(3, 3)});
  EXPECT_EQ(points_->ReadPoints(1, 100)->size(), 2u);
}

}  // namespace
}  // namespace atelier::server
