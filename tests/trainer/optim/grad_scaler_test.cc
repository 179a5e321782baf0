#include "trainer/optim/grad_scaler.h"

#include "gtest/gtest.h"

namespace atelier::trainer::grad_scaler_test {
namespace {

void TakeGoodSteps(GradScaler& scaler, int count) {
  for (int i = 0; i < count; ++i) scaler.Update(true);
}

TEST(GradScalerTest, OverflowHalvesTheScale) {
  GradScaler scaler;
  scaler.Update(false);
  EXPECT_EQ(scaler.scale(), 32768);
  EXPECT_EQ(scaler.InverseScale(), 1.0 / 32768);
}

TEST(GradScalerTest, ScaleDoublesAfterTwoThousandGoodSteps) {
  GradScaler scaler;
  TakeGoodSteps(scaler, 1999);
  EXPECT_EQ(scaler.scale(), 65536);
  TakeGoodSteps(scaler, 1);
  EXPECT_EQ(scaler.scale(), 131072);
}

TEST(GradScalerTest, OverflowStartsTheCountAgain) {
  GradScaler scaler;
  TakeGoodSteps(scaler, 1999);
  scaler.Update(false);
  TakeGoodSteps(scaler, 1999);
  EXPECT_EQ(scaler.scale(), 32768);
}

TEST(GradScalerTest, EndlessOverflowLeavesAScale) {
  GradScaler scaler;
  for (int i = 0; i < 2000; ++i) scaler.Update(false);
  EXPECT_GT(scaler.scale(), 0);
}

TEST(GradScalerTest, LoadedStateGoesOnWhereItWasSaved) {
  GradScaler first;
  first.Update(false);
  TakeGoodSteps(first, 1500);
  GradScaler second;
  second.LoadState(first.state());
  TakeGoodSteps(second, 500);
  EXPECT_EQ(second.scale(), 65536);
}

}  // namespace
}  // namespace atelier::trainer::grad_scaler_test
