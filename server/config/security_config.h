// Table [security]: who may call, what is told, how much one user may ask for,
// and where jobs may read and write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "server/config/config_reader.h"

namespace atelier::server {

struct SecurityConfig {
  // Besides root and the daemon's own user, who are administrators always.
  std::vector<std::string> admin_users;
  std::vector<std::string> admin_groups;
  std::vector<std::string> operator_users;
  std::vector<std::string> operator_groups;
  // Both empty: whoever the socket's file mode lets in.
  std::vector<std::string> allowed_users;
  std::vector<std::string> allowed_groups;
  // Of the clients' socket: 0600, 0660 or 0666.
  std::string socket_mode = "0660";
  // open, or owner: others see only that a job exists.
  std::string privacy = "open";
  // HOST:PORT for clients of other machines; port 0: any free one; empty: none.
  std::string remote_listen;
  // PEM files. Without certificate only a loopback address may be listened on.
  std::string tls_certificate;
  std::string tls_key;
  // Signs the certificates of clients; empty: clients have tokens.
  std::string tls_client_ca;
  // Folders that jobs may read from and write to; empty: any.
  std::vector<std::string> input_roots;
  std::vector<std::string> output_roots;
  // Of each user; 0: no limit.
  int max_connections = 4096;
  int max_streams = 4096;
  double calls_per_second = 10000;
  int64_t max_spec_bytes = 256 << 10;
  // A stream whose client takes nothing for so long is ended.
  absl::Duration slow_reader = absl::Minutes(1);
};

// Table [notifications]: whom ends of jobs are told (server/notify).
struct NotificationConfig {
  std::vector<std::string> command;
  // ended or failed.
  std::string on = "ended";
  absl::Duration limit = absl::Seconds(30);
};

void ReadNotifications(ConfigReader& reader, NotificationConfig* config);
absl::Status CheckNotifications(const NotificationConfig& config);

void ReadSecurity(ConfigReader& reader, SecurityConfig* config);

// What the fields say together. Errors: INVALID_ARGUMENT naming the keys.
absl::Status CheckSecurity(const SecurityConfig& config);

// Whether HOST:PORT is of this machine alone: 127.x.x.x, [::1] or localhost.
bool IsLoopback(const std::string& address);

}  // namespace atelier::server
