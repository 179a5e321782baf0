#include "server/config/daemon_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;

const ConfigPlaces kPlaces = {"/opt/bin", "/etc/atelier/atelierd.toml", ""};

absl::StatusOr<DaemonConfig> Parse(const std::string& toml) {
  return ParseDaemonConfig(toml, kPlaces);
}

TEST(DaemonConfigTest, DefaultsFollowTheStateFolder) {
  const auto config = Parse("state_dir = '/var/lib/atelier'");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, "/var/lib/atelier/atelier.sock");
  EXPECT_EQ(config->worker_listen, "/var/lib/atelier/worker.sock");
  EXPECT_EQ(config->trainer_path, "/opt/bin/atelier-trainer");
  EXPECT_EQ(config->shim_path, "/opt/bin/atelier-shim");
  EXPECT_EQ(config->cpu_slots, 1);
  EXPECT_EQ(config->metrics_listen, "127.0.0.1:9464");
}

TEST(DaemonConfigTest, RelativePathsAreBelowTheFile) {
  EXPECT_EQ(Parse("state_dir = '../state'")->state_dir, "/etc/state");
}

TEST(DaemonConfigTest, FlagTakesThePlaceOfTheFilesFolder) {
  const auto config =
      ParseDaemonConfig("state_dir = '/a'", {"/opt/bin", "", "/b"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, "/b/atelier.sock");
}

TEST(DaemonConfigTest, EveryKeyIsRead) {
  const auto config = Parse(
      "state_dir = '/s'\nlisten = '/l'\nworker_listen = '/w'\n"
      "cpu_slots = 4\nstop_grace_seconds = 1.5\nterm_grace_seconds = 2\n"
      "max_attempts = 7\nbackoff_initial_seconds = 0.5\n"
      "backoff_limit_seconds = 9\nbackoff_factor = 3\nbackoff_jitter = 0\n"
      "metrics_listen = ''\nlog_level = 'debug'\nlog_file = '/g'\n"
      "adopt_grace_seconds = 3\nlease_seconds = 11\ntrainer_path = '/t'\n"
      "shim_path = '/h'\ntokenizer_dir = '/k'\nmin_free_bytes = 5\n"
      "allow_network_file_system = true\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cpu_slots, 4);
  EXPECT_EQ(config->stop_grace, absl::Seconds(1.5));
  EXPECT_EQ(config->term_grace, absl::Seconds(2));
  EXPECT_EQ(config->max_attempts, 7);
  EXPECT_EQ(config->backoff_initial, absl::Milliseconds(500));
  EXPECT_EQ(config->backoff_limit, absl::Seconds(9));
  EXPECT_EQ(config->backoff_factor, 3);
  EXPECT_EQ(config->backoff_jitter, 0);
  EXPECT_EQ(config->metrics_listen, "");
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->log_file, "/g");
  EXPECT_EQ(config->adopt_grace, absl::Seconds(3));
  EXPECT_EQ(config->lease, absl::Seconds(11));
  EXPECT_EQ(config->trainer_path, "/t");
  EXPECT_EQ(config->shim_path, "/h");
  EXPECT_EQ(config->tokenizer_dir, "/k");
  EXPECT_EQ(config->min_free_bytes, 5);
  EXPECT_TRUE(config->allow_network_file_system);
}

TEST(DaemonConfigTest, FaultsNameFileLineAndKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"cpu_slot = 2",
       "atelierd.toml:2: unknown key cpu_slot; did you mean cpu_slots?"},
      {"cpu_slots = 'two'", "atelierd.toml:2: cpu_slots is"},
      {"cpu_slots = 1.5", "a whole number"},
      {"cpu_slots = -1", "a number from 0 to 1024"},
      {"max_attempts = 0", "a number from 1 to 100"},
      {"backoff_jitter = nan", "a number from 0 to 1"},
      {"metrics_listen = 'here'", "HOST:PORT"},
      {"metrics_listen = '127.0.0.1:70000'", "HOST:PORT"},
      {"log_level = 'inof'", "did you mean info?"},
      {"allow_network_file_system = 1", "true or false"},
      {"min_free_bytes = -5", "0 or more"},
      {"listen = '/s/worker.sock'", "the same socket"},
      {"backoff_limit_seconds = 1", "less than backoff_initial_seconds"},
      {"cpu_slots = ", "atelierd.toml:2"},
      {"cpu_slots = 1\ncpu_slots = 2", "atelierd.toml:3"},
      {"[section]\nx = 1", "unknown key section"},
  };
  for (const auto& [line, message] : cases) {
    const auto config = Parse(std::string("state_dir = '/s'\n") + line);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument)
        << line;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(message));
  }
}

TEST(DaemonConfigTest, SecurityIsReadAndChecked) {
  const auto config = Parse(
      "state_dir = '/s'\n[security]\nadmin_users = ['a']\n"
      "operator_groups = ['o']\nallowed_groups = ['lab']\n"
      "privacy = 'owner'\nsocket_mode = '0666'\n"
      "remote_listen = '0.0.0.0:7000'\ntls_certificate = 'c.pem'\n"
      "tls_key = '/k.pem'\ninput_roots = ['/data']\nmax_streams = 3\n"
      "calls_per_second = 2.5\nslow_reader_seconds = 5\n");
  ASSERT_TRUE(config.ok()) << config.status();
  const SecurityConfig& security = config->security;
  EXPECT_EQ(security.admin_users, std::vector<std::string>{"a"});
  EXPECT_EQ(security.operator_groups, std::vector<std::string>{"o"});
  EXPECT_EQ(security.allowed_groups, std::vector<std::string>{"lab"});
  EXPECT_EQ(security.privacy, "owner");
  EXPECT_EQ(security.socket_mode, "0666");
  EXPECT_EQ(security.tls_certificate, "/etc/atelier/c.pem");
  EXPECT_EQ(security.input_roots, std::vector<std::string>{"/data"});
  EXPECT_EQ(security.max_streams, 3);
  EXPECT_EQ(security.calls_per_second, 2.5);
  EXPECT_EQ(security.slow_reader, absl::Seconds(5));
}

TEST(DaemonConfigTest, InsecureSettingsAreRefusedInPlainWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"remote_listen = '0.0.0.0:7000'", "in the clear"},
      {"remote_listen = '127.evil.example:7000'", "in the clear"},
      {"tls_certificate = '/c'", "belong together"},
      {"tls_client_ca = '/c'", "needs security.tls_certificate"},
      {"input_roots = ['data']", "an absolute path"},
      {"privacy = 'none'", "one of open, owner"},
  };
  for (const auto& [line, message] : cases) {
    const auto config =
        Parse(std::string("state_dir = '/s'\n[security]\n") + line);
    EXPECT_FALSE(config.ok()) << line;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(message));
  }
  EXPECT_TRUE(Parse("state_dir = '/s'\n[security]\n"
                    "remote_listen = '127.0.0.1:7000'")
                  .ok());
}

TEST(DaemonConfigTest, AllFaultsAreSaidAtOnce) {
  const auto config = Parse("state_dir = '/s'\nfoo = 1\nlog_level = 3\n");
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("foo"));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("log_level"));
}

TEST(DaemonConfigTest, LongSocketPathsAreRefused) {
  const auto config = Parse("state_dir = '/" + std::string(120, 'x') + "'");
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("107"));
}

TEST(DaemonConfigTest, StateFolderIsNeeded) {
  EXPECT_THAT(std::string(Parse("").status().message()),
              HasSubstr("state_dir is missing"));
}

TEST(DaemonConfigTest, UnreadableFilesAreErrors) {
  const atelier::testing::TempDir folder;
  ConfigPlaces places = {"/opt/bin", folder.File("none.toml"), ""};
  EXPECT_TRUE(absl::IsNotFound(LoadDaemonConfig(places).status()));
  places.file = folder.path();
  EXPECT_FALSE(LoadDaemonConfig(places).ok());
}

// The example lists every key, each with its default.
TEST(DaemonConfigTest, ExampleFileIsWhatTheDefaultsAre) {
  const std::string example =
      atelier::testing::ReadText(ATELIER_EXAMPLE_CONFIG);
  std::string active;
  int keys = 0;
  std::istringstream lines(example);
  for (std::string line; std::getline(lines, line);) {
    const bool is_key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    if (is_key) ++keys;
    active += is_key ? line.substr(1) + "\n" : line + "\n";
  }
  EXPECT_EQ(keys, 68);
  const auto given = ParseDaemonConfig(active, {"/usr/bin", "", ""});
  ASSERT_TRUE(given.ok()) << given.status();
  const auto defaults =
      ParseDaemonConfig("", {"/usr/bin", "", "/var/lib/atelier"});
  EXPECT_EQ(given->listen, defaults->listen);
  EXPECT_EQ(given->worker_listen, defaults->worker_listen);
  EXPECT_EQ(given->cpu_slots, defaults->cpu_slots);
  EXPECT_EQ(given->stop_grace, defaults->stop_grace);
  EXPECT_EQ(given->term_grace, defaults->term_grace);
  EXPECT_EQ(given->max_attempts, defaults->max_attempts);
  EXPECT_EQ(given->backoff_initial, defaults->backoff_initial);
  EXPECT_EQ(given->backoff_limit, defaults->backoff_limit);
  EXPECT_EQ(given->backoff_factor, defaults->backoff_factor);
  EXPECT_EQ(given->backoff_jitter, defaults->backoff_jitter);
  EXPECT_EQ(given->metrics_listen, defaults->metrics_listen);
  EXPECT_EQ(given->adopt_grace, defaults->adopt_grace);
  EXPECT_EQ(given->lease, defaults->lease);
  EXPECT_EQ(given->trainer_path, defaults->trainer_path);
  EXPECT_EQ(given->shim_path, defaults->shim_path);
  EXPECT_EQ(given->min_free_bytes, defaults->min_free_bytes);
  EXPECT_EQ(given->log_level, defaults->log_level);
}

}  // namespace
}  // namespace atelier::server
