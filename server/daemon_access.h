// What the tables [security] and [notifications] of the configuration mean for
// the parts that follow them.
#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "server/access/access_policy.h"
#include "server/access/call_limits.h"
#include "server/access/path_roots.h"
#include "server/config/daemon_config.h"
#include "server/grpc_listener.h"
#include "server/notify/notifier.h"

namespace atelier::server {

AccessPolicy MakeAccessPolicy(const SecurityConfig& config);
CallLimitOptions MakeCallLimits(const SecurityConfig& config);
NotifierOptions MakeNotifierOptions(const NotificationConfig& config);
PathRoots MakePathRoots(const SecurityConfig& config);

// Without services. Errors: those of MakeRemoteCredentials.
absl::StatusOr<GrpcListenerOptions> MakeClientListener(
    const DaemonConfig& config);

}  // namespace atelier::server
