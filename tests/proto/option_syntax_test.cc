#include "proto/cc/option_syntax.h"

#include "gtest/gtest.h"

namespace atelier {
namespace {

TEST(OptionSyntaxTest, ImageSizeIsOneSideOrTwo) {
  EXPECT_EQ(ParseImageSize("512")->height, 512);
  EXPECT_EQ(ParseImageSize("512,768")->width, 512);
  EXPECT_EQ(ParseImageSize("512, 768")->height, 768);
  for (const char* bad : {"", "512,", ",512", "512x512", "0", "-512", "1,2,3",
                          "99999", "512.0", "99999999999999999999"}) {
    EXPECT_FALSE(ParseImageSize(bad).has_value()) << bad;
  }
}

TEST(OptionSyntaxTest, WarmupIsStepsOrAShare) {
  EXPECT_EQ(ParseWarmupLength("100")->steps, 100);
  EXPECT_FALSE(ParseWarmupLength("100")->is_share);
  EXPECT_EQ(ParseWarmupLength("0.25")->share, 0.25);
  EXPECT_EQ(ParseWarmupLength("5%")->share, 0.05);
  EXPECT_TRUE(ParseWarmupLength("0")->is_zero());
  EXPECT_TRUE(ParseWarmupLength("0%")->is_zero());
  for (const char* bad : {"", "-1", "1.5", "101%", "nan", "inf", "%", "ten"}) {
    EXPECT_FALSE(ParseWarmupLength(bad).has_value()) << bad;
  }
}

TEST(OptionSyntaxTest, OptimizerArgIsAKeyAndAValue) {
  EXPECT_EQ(ParseOptimizerArg("betas=0.9,0.99")->key, "betas");
  EXPECT_EQ(ParseOptimizerArg("betas=0.9,0.99")->value, "0.9,0.99");
  EXPECT_EQ(ParseOptimizerArg("eps = 1e-8")->value, "1e-8");
  for (const char* bad : {"", "betas", "=1", "a=", "2a=1", "a b=1"}) {
    EXPECT_FALSE(ParseOptimizerArg(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace atelier
