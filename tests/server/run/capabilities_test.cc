#include "server/run/capabilities.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CapabilitiesTest, DescriptionIsReadAndWhatIsNewIsLeftOut) {
  auto capabilities = ParseCapabilities(
      R"({"version": "1.2", "architectures": ["SD1", "sdxl", "NEWEST", 3],
          "has_cuda": true, "future": {"a": []}})");
  ASSERT_TRUE(capabilities.ok()) << capabilities.status();
  EXPECT_EQ(capabilities->version(), "1.2");
  EXPECT_THAT(capabilities->architectures(),
              ElementsAre(v1::ARCHITECTURE_SD1, v1::ARCHITECTURE_SDXL));
  EXPECT_TRUE(capabilities->has_cuda());
}

TEST(CapabilitiesTest, TextThatIsNoDescriptionIsRefused) {
  for (const char* text : {"", "no", "[]", "{", "3"})
    EXPECT_FALSE(ParseCapabilities(text).ok()) << text;
}

TEST(CapabilitiesTest, TrainerThatIsNotThereIsNamed) {
  auto capabilities = ReadCapabilities("/nonexistent/trainer");
  EXPECT_TRUE(absl::IsNotFound(capabilities.status()));
  EXPECT_THAT(std::string(capabilities.status().message()),
              HasSubstr("/nonexistent/trainer"));
}

TEST(CapabilitiesTest, TrainerThatFailsIsAnError) {
  testing::TempDir dir;
  testing::WriteText(dir.File("trainer"), "#!/bin/sh\nexit 3\n", true);
  EXPECT_FALSE(ReadCapabilities(dir.File("trainer")).ok());
}

}  // namespace
}  // namespace atelier::server
