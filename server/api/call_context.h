// What every call needs, and the one way in which unary calls run: on the pool,
// measured, errors translated once.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/support/server_callback.h"

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
};

// Runs `handle` on the pool and answers with its status.
grpc::ServerUnaryReactor* RunUnary(const CallContext& context,
                                   grpc::CallbackServerContext* call,
                                   absl::string_view method,
                                   std::function<absl::Status()> handle);

// Answers a stream's end to the log and the metrics.
grpc::Status EndCall(const CallContext& context, absl::string_view method,
                     absl::Time begin, const absl::Status& status);

}  // namespace atelier::server
