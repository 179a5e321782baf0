// AccessService: who the caller is, tokens, the audit log, and what users use.
#pragma once

#include "absl/status/statusor.h"

#include "atelier/v1/access.grpc.pb.h"
#include "server/access/access_store.h"
#include "server/api/call_context.h"

namespace atelier::server {

class AccessServiceImpl final : public v1::AccessService::CallbackService {
 public:
  // What both refer to outlives the service.
  AccessServiceImpl(const CallContext& context, AccessStore& store)
      : context_(context), store_(store) {}

  grpc::ServerUnaryReactor* WhoAmI(grpc::CallbackServerContext* call,
                                   const v1::WhoAmIRequest* request,
                                   v1::WhoAmIResponse* response) override;
  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* call,
                                      const v1::ListUsersRequest* request,
                                      v1::ListUsersResponse* response) override;
  grpc::ServerUnaryReactor* CreateToken(
      grpc::CallbackServerContext* call, const v1::CreateTokenRequest* request,
      v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* ListTokens(
      grpc::CallbackServerContext* call, const v1::ListTokensRequest* request,
      v1::ListTokensResponse* response) override;
  grpc::ServerUnaryReactor* RevokeToken(
      grpc::CallbackServerContext* call, const v1::RevokeTokenRequest* request,
      v1::RevokeTokenResponse* response) override;
  grpc::ServerUnaryReactor* ListAuditEntries(
      grpc::CallbackServerContext* call,
      const v1::ListAuditEntriesRequest* request,
      v1::ListAuditEntriesResponse* response) override;

 private:
  const CallContext context_;
  AccessStore& store_;
};

}  // namespace atelier::server
