#include "server/config/daemon_config.h"

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "server/config/config_reader.h"
#include "server/config/schedule_config.h"

namespace atelier::server {
namespace {

// sun_path holds 108 bytes, the last one a NUL (unix(7)).
constexpr size_t kMaxSocketPath = 107;

void ReadPaths(ConfigReader& reader, DaemonConfig* config) {
  reader.Path("state_dir", &config->state_dir);
  reader.Path("listen", &config->listen);
  reader.Path("worker_listen", &config->worker_listen);
  reader.Path("log_file", &config->log_file);
  reader.Path("trainer_path", &config->trainer_path);
  reader.Path("shim_path", &config->shim_path);
  reader.Path("tokenizer_dir", &config->tokenizer_dir);
}

void ReadRules(ConfigReader& reader, DaemonConfig* config) {
  reader.Integer("cpu_slots", {0, 1024}, &config->cpu_slots);
  reader.Integer("max_attempts", {1, 100}, &config->max_attempts);
  reader.Seconds("stop_grace_seconds", {0, 86400}, &config->stop_grace);
  reader.Seconds("term_grace_seconds", {0, 86400}, &config->term_grace);
  reader.Seconds("backoff_initial_seconds", {0, 86400},
                 &config->backoff_initial);
  reader.Seconds("backoff_limit_seconds", {0, 604800}, &config->backoff_limit);
  reader.Number("backoff_factor", {1, 100}, &config->backoff_factor);
  reader.Number("backoff_jitter", {0, 1}, &config->backoff_jitter);
  reader.Seconds("adopt_grace_seconds", {0, 86400}, &config->adopt_grace);
  reader.Seconds("lease_seconds", {10, 604800}, &config->lease);
  reader.Bytes("min_free_bytes", &config->min_free_bytes);
  reader.Flag("allow_network_file_system", &config->allow_network_file_system);
}

void ReadOutlets(ConfigReader& reader, DaemonConfig* config) {
  reader.Address("metrics_listen", &config->metrics_listen);
  reader.Choice("log_level", {"trace", "debug", "info", "warn", "error", "off"},
                &config->log_level);
}

void SetIfEmpty(const std::string& value, std::string* to) {
  if (to->empty()) *to = value;
}

absl::Status CheckSocket(absl::string_view key, const std::string& path) {
  if (path.size() <= kMaxSocketPath) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " ", path, " has ", path.size(),
                   " bytes; the path of a Unix socket "
                   "has at most ",
                   kMaxSocketPath, ": choose a shorter one"));
}

absl::Status Complete(const ConfigPlaces& places, DaemonConfig* config) {
  if (!places.state_dir.empty()) config->state_dir = places.state_dir;
  if (config->state_dir.empty()) {
    return absl::InvalidArgumentError(
        "state_dir is missing: the folder where the daemon keeps its state");
  }
  if (config->backoff_limit < config->backoff_initial) {
    return absl::InvalidArgumentError(
        "backoff_limit_seconds is less than backoff_initial_seconds");
  }
  SetIfEmpty(absl::StrCat(config->state_dir, "/atelier.sock"), &config->listen);
  SetIfEmpty(absl::StrCat(config->state_dir, "/worker.sock"),
             &config->worker_listen);
  SetIfEmpty(absl::StrCat(places.program_dir, "/atelier-trainer"),
             &config->trainer_path);
  SetIfEmpty(absl::StrCat(places.program_dir, "/atelier-shim"),
             &config->shim_path);
  RETURN_IF_ERROR(CheckSocket("listen", config->listen));
  if (config->listen == config->worker_listen) {
    return absl::InvalidArgumentError(
        "listen and worker_listen are the same socket");
  }
  RETURN_IF_ERROR(CheckSocket("worker_listen", config->worker_listen));
  RETURN_IF_ERROR(CheckNotifications(config->notifications));
  return CheckSecurity(config->security);
}

}  // namespace

absl::StatusOr<DaemonConfig> ParseDaemonConfig(absl::string_view toml,
                                               const ConfigPlaces& places) {
  ASSIGN_OR_RETURN(ConfigReader reader, ConfigReader::Parse(toml, places.file));
  DaemonConfig config;
  ReadPaths(reader, &config);
  ReadRules(reader, &config);
  ReadOutlets(reader, &config);
  ReadSecurity(reader, &config.security);
  ReadNotifications(reader, &config.notifications);
  reader.Table("devices", [&](ConfigReader& table) {
    ReadDevices(table, &config.devices);
  });
  absl::Status scheduling;
  reader.Table("scheduling", [&](ConfigReader& table) {
    scheduling = ReadScheduling(table, &config.scheduling);
  });
  RETURN_IF_ERROR(reader.Finish());
  if (!scheduling.ok()) {
    return places.file.empty() ? scheduling
                               : AddContext(scheduling, places.file);
  }
  absl::Status complete = Complete(places, &config);
  if (complete.ok()) return config;
  return places.file.empty() ? complete : AddContext(complete, places.file);
}

absl::StatusOr<DaemonConfig> LoadDaemonConfig(const ConfigPlaces& places) {
  if (places.file.empty()) return ParseDaemonConfig("", places);
  errno = 0;
  std::ifstream file(places.file, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file) return ParseDaemonConfig(text.str(), places);
  // A folder opens but does not read.
  return absl::ErrnoToStatus(
      errno == 0 ? EISDIR : errno,
      absl::StrCat("cannot read the configuration ", places.file));
}

}  // namespace atelier::server
