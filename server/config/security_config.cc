#include "server/config/security_config.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

void ReadTable(ConfigReader& reader, SecurityConfig* config) {
  reader.Texts("admin_users", &config->admin_users);
  reader.Texts("admin_groups", &config->admin_groups);
  reader.Texts("operator_users", &config->operator_users);
  reader.Texts("operator_groups", &config->operator_groups);
  reader.Texts("allowed_users", &config->allowed_users);
  reader.Texts("allowed_groups", &config->allowed_groups);
  reader.Choice("socket_mode", {"0600", "0660", "0666"}, &config->socket_mode);
  reader.Choice("privacy", {"open", "owner"}, &config->privacy);
  reader.Address("remote_listen", &config->remote_listen);
  reader.Path("tls_certificate", &config->tls_certificate);
  reader.Path("tls_key", &config->tls_key);
  reader.Path("tls_client_ca", &config->tls_client_ca);
  reader.Texts("input_roots", &config->input_roots);
  reader.Texts("output_roots", &config->output_roots);
  reader.Integer("max_connections", {0, 1000000}, &config->max_connections);
  reader.Integer("max_streams", {0, 1000000}, &config->max_streams);
  reader.Number("calls_per_second", {0, 1e9}, &config->calls_per_second);
  reader.Bytes("max_spec_bytes", &config->max_spec_bytes);
  reader.Seconds("slow_reader_seconds", {0.1, 86400}, &config->slow_reader);
}

absl::Status CheckRoots(const char* key,
                        const std::vector<std::string>& roots) {
  for (const std::string& root : roots)
    if (!absl::StartsWith(root, "/"))
      return absl::InvalidArgumentError(absl::StrCat(
          "security.", key, " has ", root, "; it must be an absolute path"));
  return absl::OkStatus();
}

}  // namespace

void ReadSecurity(ConfigReader& reader, SecurityConfig* config) {
  reader.Table("security",
               [config](ConfigReader& table) { ReadTable(table, config); });
}

void ReadNotifications(ConfigReader& reader, NotificationConfig* config) {
  reader.Table("notifications", [config](ConfigReader& table) {
    table.Texts("command", &config->command);
    table.Choice("on", {"ended", "failed"}, &config->on);
    table.Seconds("limit_seconds", {0.1, 3600}, &config->limit);
  });
}

absl::Status CheckNotifications(const NotificationConfig& config) {
  if (config.command.empty() || absl::StartsWith(config.command[0], "/"))
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "notifications.command begins with ", config.command[0],
      "; the program's path must be absolute, and is run without a shell"));
}

bool IsLoopback(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  // Names that only begin like an address are not one.
  const bool is_v4 = absl::StartsWith(host, "127.") &&
                     host.find_first_not_of("0123456789.") == std::string::npos;
  return is_v4 || host == "[::1]" || host == "localhost";
}

absl::Status CheckSecurity(const SecurityConfig& config) {
  absl::Status inputs = CheckRoots("input_roots", config.input_roots);
  if (!inputs.ok()) return inputs;
  absl::Status outputs = CheckRoots("output_roots", config.output_roots);
  if (!outputs.ok()) return outputs;
  if (config.tls_certificate.empty() != config.tls_key.empty())
    return absl::InvalidArgumentError(
        "security.tls_certificate and security.tls_key belong together: set "
        "both or none");
  if (!config.tls_client_ca.empty() && config.tls_certificate.empty())
    return absl::InvalidArgumentError(
        "security.tls_client_ca needs security.tls_certificate and "
        "security.tls_key");
  if (config.remote_listen.empty() || !config.tls_certificate.empty() ||
      IsLoopback(config.remote_listen))
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "security.remote_listen is ", config.remote_listen,
      ", which other machines reach, and there is no security.tls_certificate: "
      "tokens and jobs would cross the network in the clear. Set "
      "tls_certificate and tls_key, or listen on 127.0.0.1"));
}

}  // namespace atelier::server
