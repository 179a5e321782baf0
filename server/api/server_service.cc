#include "server/api/server_service.h"

#include <utility>

#include "proto/cc/status_macros.h"

namespace atelier::server {

grpc::ServerUnaryReactor* ServerServiceImpl::GetServerInfo(
    grpc::CallbackServerContext* call, const v1::GetServerInfoRequest* request,
    v1::GetServerInfoResponse* response) {
  return RunUnary(context_, call, "GetServerInfo", *request,
                  [this, response]() -> absl::Status {
                    ASSIGN_OR_RETURN(*response, describe_());
                    return absl::OkStatus();
                  });
}

}  // namespace atelier::server
