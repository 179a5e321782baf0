#include "server/api/call_context.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
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

absl::Status CheckMessage(const std::string& message) {
  constexpr size_t kMaxMessageBytes = 4096;
  if (message.size() <= kMaxMessageBytes) return absl::OkStatus();
  return MakeBadRequest(
      reasons::kInvalidRequest,
      {{"message", absl::StrCat("message has ", message.size(),
                                " bytes; at most ", kMaxMessageBytes)}});
}

grpc::ServerUnaryReactor* RunCall(const CallContext& context,
                                  grpc::CallbackServerContext* call,
                                  absl::string_view method,
                                  std::optional<JobId> job,
                                  CallHandler handle) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  absl::Time begin = context.clock.Now();
  CallPeer peer = context.peer_of(*call);
  absl::Status room = context.gate.limits().TakeCall(LimitKey(peer));
  if (!room.ok()) {
    reactor->Finish(EndCall(context, method, begin, room));
    return reactor;
  }
  context.pool.Run([context, reactor, method, begin, job,
                    peer = std::move(peer), handle = std::move(handle)] {
    absl::StatusOr<Admitted> admitted = context.gate.Admit(method, peer, job);
    absl::Status status = admitted.status();
    if (admitted.ok()) {
      JobId made = 0;
      status = handle(admitted->caller, &made);
      context.gate.Close(*admitted, status, made);
    }
    reactor->Finish(EndCall(context, method, begin, status));
  });
  return reactor;
}

}  // namespace atelier::server
