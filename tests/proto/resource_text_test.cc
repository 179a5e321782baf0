#include "proto/cc/resource_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier {
namespace {

using ::testing::HasSubstr;

TEST(ResourceTextTest, SizesHaveUnits) {
  EXPECT_EQ(*ParseBytes("24G"), int64_t{24} << 30);
  EXPECT_EQ(*ParseBytes("24 gib"), int64_t{24} << 30);
  EXPECT_EQ(*ParseBytes("512MB"), int64_t{512} << 20);
  EXPECT_EQ(*ParseBytes("0.5T"), int64_t{1} << 39);
  EXPECT_EQ(*ParseBytes("17B"), 17);
  for (const char* bad : {"24", "", "G", "-1G", "1X", "1e30T", "24iB"})
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
}

TEST(ResourceTextTest, SizeThatIsWrittenReadsBack) {
  for (const int64_t bytes :
       {int64_t{1}, int64_t{1000001}, int64_t{24} << 30, int64_t{3} << 39})
    EXPECT_EQ(*ParseBytes(ByteText(bytes)), bytes);
}

TEST(ResourceTextTest, TimesComeInSeveralForms) {
  EXPECT_EQ(*ParseTimeLimit("90m"), absl::Minutes(90));
  EXPECT_EQ(*ParseTimeLimit("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseTimeLimit("2d"), absl::Hours(48));
  EXPECT_EQ(*ParseTimeLimit("45"), absl::Seconds(45));
  EXPECT_EQ(*ParseTimeLimit("01:00:30"), absl::Seconds(3630));
  EXPECT_EQ(*ParseTimeLimit("1-00:00:00"), absl::Hours(24));
  for (const char* bad : {"", "0", "-5m", "soon", "1:2", "inf", "nan"})
    EXPECT_FALSE(ParseTimeLimit(bad).ok()) << bad;
}

TEST(ResourceTextTest, DevicesAreAKindOrANumberOrBoth) {
  v1::JobSpec spec;
  EXPECT_TRUE(SetResource("devices", "3", &spec).ok());
  EXPECT_EQ(spec.devices().type(), v1::DEVICE_TYPE_UNSPECIFIED);
  EXPECT_EQ(spec.devices().count(), 3);
  EXPECT_TRUE(SetResource("devices", "cpu", &spec).ok());
  EXPECT_EQ(spec.devices().type(), v1::DEVICE_TYPE_CPU);
  EXPECT_EQ(spec.devices().count(), 1);
  for (const char* bad : {"tpu", "gpu:0", "gpu:x", "0", ""})
    EXPECT_THAT(std::string(SetResource("devices", bad, &spec).message()),
                HasSubstr("it must be cpu, gpu, gpu:2"))
        << bad;
}

TEST(ResourceTextTest, WrongValueIsNamedWithItsKey) {
  v1::JobSpec spec;
  EXPECT_EQ(SetResource("min_vram", "24", &spec).message(),
            "min_vram is \"24\"; it must be a number with a unit, as 24G or "
            "512M");
  EXPECT_THAT(
      std::string(SetResource("on_time_limit", "stop", &spec).message()),
      HasSubstr("fail or requeue"));
}

}  // namespace
}  // namespace atelier
