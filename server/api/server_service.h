// ServerService: what the daemon says of itself.
#pragma once

#include <functional>

#include "absl/status/statusor.h"

#include "atelier/v1/server.grpc.pb.h"
#include "server/api/call_context.h"

namespace atelier::server {

class ServerServiceImpl final : public v1::ServerService::CallbackService {
 public:
  using Describe = std::function<absl::StatusOr<v1::GetServerInfoResponse>()>;

  ServerServiceImpl(const CallContext& context, Describe describe)
      : context_(context), describe_(std::move(describe)) {}

  grpc::ServerUnaryReactor* GetServerInfo(
      grpc::CallbackServerContext* call,
      const v1::GetServerInfoRequest* request,
      v1::GetServerInfoResponse* response) override;

 private:
  const CallContext context_;
  const Describe describe_;
};

}  // namespace atelier::server
