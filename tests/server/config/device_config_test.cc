#include "server/config/device_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "server/config/daemon_config.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<DaemonConfig> Parse(const std::string& toml) {
  return ParseDaemonConfig("state_dir = '/s'\n" + toml,
                           {"/opt/bin", "/etc/atelierd.toml", ""});
}

TEST(DeviceConfigTest, EveryKeyIsRead) {
  const auto config = Parse(
      "[devices]\nnvml_library = '/l.so'\npoll_seconds = 0.5\n"
      "nvml_timeout_seconds = 3\noutside_use = 'warn'\n"
      "outside_clear_seconds = 7\nignored_programs = ['a', 'b']\n"
      "host_memory_bytes = 9\ncgroup = '/c'\n"
      "[devices.outside_use_of]\n'GPU-1' = 'ignore'\n");
  ASSERT_TRUE(config.ok()) << config.status();
  const DeviceConfig& devices = config->devices;
  EXPECT_EQ(devices.nvml_library, "/l.so");
  EXPECT_EQ(devices.poll, absl::Milliseconds(500));
  EXPECT_EQ(devices.nvml_timeout, absl::Seconds(3));
  EXPECT_EQ(devices.outside_use, "warn");
  EXPECT_EQ(devices.outside_clear, absl::Seconds(7));
  EXPECT_THAT(devices.ignored_programs, ElementsAre("a", "b"));
  EXPECT_EQ(devices.host_memory_bytes, 9);
  EXPECT_EQ(devices.cgroup, "/c");
  EXPECT_THAT(devices.outside_use_of, ElementsAre(Pair("GPU-1", "ignore")));
}

TEST(DeviceConfigTest, MistakesAreNamed) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"[devices]\noutside_use = 'shoot'", "outside_use is"},
      {"[devices]\npol_seconds = 1", "did you mean poll_seconds?"},
      {"[devices]\nignored_programs = 'a'", "an array of texts"},
      {"[devices.outside_use_of]\nGPU-1 = 'kill'", "GPU-1 is"},
      {"devices = 3", "it must be a table"},
  };
  for (const auto& [toml, message] : mistakes)
    EXPECT_THAT(std::string(Parse(toml).status().message()), HasSubstr(message))
        << toml;
}

}  // namespace
}  // namespace atelier::server
