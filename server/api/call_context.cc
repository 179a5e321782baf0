#include "server/api/call_context.h"

#include <string>
#include <utility>

#include "spdlog/spdlog.h"

#include "proto/cc/status.h"
#include "proto/cc/wire_status.h"

namespace atelier::server {

grpc::Status EndCall(const CallContext& context, absl::string_view method,
                     absl::Time begin, const absl::Status& status) {
  absl::Duration duration = context.clock.Now() - begin;
  context.metrics.CallDone(method, absl::StatusCodeToString(status.code()),
                           duration);
  if (!status.ok())
    spdlog::log(
        absl::IsInternal(status) ? spdlog::level::err : spdlog::level::debug,
        "{}: {} [{}]", std::string(method), status.ToString(),
        LocationTrail(status));
  return ToGrpcStatus(status);
}

grpc::ServerUnaryReactor* RunUnary(const CallContext& context,
                                   grpc::CallbackServerContext* call,
                                   absl::string_view method,
                                   std::function<absl::Status()> handle) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  absl::Time begin = context.clock.Now();
  context.pool.Run(
      [context, reactor, method, begin, handle = std::move(handle)] {
        reactor->Finish(EndCall(context, method, begin, handle()));
      });
  return reactor;
}

}  // namespace atelier::server
