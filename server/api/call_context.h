// What every call needs, and the one way in which unary calls run: let in by
// the gate (server/access), on the pool, measured, errors translated once.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/support/server_callback.h"

#include "server/access/gate.h"
#include "server/api/call_pool.h"
#include "server/api/open_streams.h"
#include "server/jobs/clock.h"
#include "server/metrics/registry.h"

namespace atelier::server {

// All outlive the services.
struct CallContext {
  CallPool& pool;
  OpenStreams& streams;
  Metrics& metrics;
  const Clock& clock;
  Gate& gate;
  // Who the transport says is there. Does not block; called while the call is
  // young, so that the connection is still the caller's.
  std::function<CallPeer(const grpc::CallbackServerContext&)> peer_of;
  // A stream whose client does not take a message for so long is ended.
  absl::Duration slow_reader = absl::Minutes(1);
};

// Whether what a person said of a change, its field `message`, is short enough.
// Errors: INVALID_ARGUMENT.
absl::Status CheckMessage(const std::string& message);

// The job that a request names.
template <typename Request>
std::optional<JobId> JobOf(const Request& request) {
  if constexpr (requires {
                  { request.id() } -> std::convertible_to<JobId>;
                })
    return request.id();
  else
    return std::nullopt;
}

// Does the work of one call for whoever was let in; may set the job that it
// made.
using CallHandler = std::function<absl::Status(const Caller&, JobId* made)>;

grpc::ServerUnaryReactor* RunCall(const CallContext& context,
                                  grpc::CallbackServerContext* call,
                                  absl::string_view method,
                                  std::optional<JobId> job, CallHandler handle);

// Runs `handle` on the pool and answers with its status. It is called with the
// Caller, with Caller and JobId*, or without anything.
template <typename Request, typename Handle>
grpc::ServerUnaryReactor* RunUnary(const CallContext& context,
                                   grpc::CallbackServerContext* call,
                                   absl::string_view method,
                                   const Request& request, Handle handle) {
  return RunCall(
      context, call, method, JobOf(request),
      [handle = std::move(handle)](
          const Caller& caller,
          [[maybe_unused]] JobId* made) mutable -> absl::Status {
        if constexpr (std::is_invocable_v<Handle&, const Caller&, JobId*>)
          return handle(caller, made);
        else if constexpr (std::is_invocable_v<Handle&, const Caller&>)
          return handle(caller);
        else
          return handle();
      });
}

// Answers a stream's end to the log and the metrics.
grpc::Status EndCall(const CallContext& context, absl::string_view method,
                     absl::Time begin, const absl::Status& status);

}  // namespace atelier::server
