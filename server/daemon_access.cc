#include "server/daemon_access.h"

#include <algorithm>
#include <string>

#include "proto/cc/status_macros.h"

namespace atelier::server {

AccessPolicy MakeAccessPolicy(const SecurityConfig& config) {
  AccessPolicy policy;
  policy.admins = {config.admin_users, config.admin_groups};
  policy.operators = {config.operator_users, config.operator_groups};
  policy.allowed = {config.allowed_users, config.allowed_groups};
  policy.hides_jobs = config.privacy == "owner";
  return policy;
}

CallLimitOptions MakeCallLimits(const SecurityConfig& config) {
  CallLimitOptions options;
  options.calls_per_second = config.calls_per_second;
  // Two seconds' worth at once.
  options.burst = std::max(1.0, 2 * config.calls_per_second);
  options.max_streams = config.max_streams;
  return options;
}

NotifierOptions MakeNotifierOptions(const NotificationConfig& config) {
  NotifierOptions options;
  options.command = config.command;
  options.only_failed = config.on == "failed";
  options.limit = config.limit;
  return options;
}

PathRoots MakePathRoots(const SecurityConfig& config) {
  return {config.input_roots, config.output_roots};
}

absl::StatusOr<GrpcListenerOptions> MakeClientListener(
    const DaemonConfig& config) {
  const SecurityConfig& security = config.security;
  GrpcListenerOptions options;
  options.socket_path = config.listen;
  options.mode =
      static_cast<mode_t>(std::stoul(security.socket_mode, nullptr, 8));
  options.max_connections = security.max_connections;
  options.is_public = true;
  options.remote_address = security.remote_listen;
  ASSIGN_OR_RETURN(
      options.remote_credentials,
      MakeRemoteCredentials({security.tls_certificate, security.tls_key,
                             security.tls_client_ca}));
  return options;
}

}  // namespace atelier::server
