#include "server/api/access_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/jobs/attempt_token.h"
#include "server/jobs/job_message.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxNoteBytes = 200;
constexpr int64_t kMinLifetimeSeconds = 60;
constexpr int64_t kMaxLifetimeSeconds = 366 * 86400;
constexpr int64_t kDefaultLifetimeSeconds = 90 * 86400;
constexpr int kDefaultPage = 50;
constexpr int kLargestPage = 1000;

absl::Status CheckToken(const v1::CreateTokenRequest& request) {
  std::vector<Violation> violations;
  if (request.user().empty() || request.user().size() > kMaxNameBytes)
    violations.push_back(
        {"user", absl::StrCat("user has ", request.user().size(),
                              " bytes; it must have 1 to ", kMaxNameBytes)});
  if (request.scope() < v1::TOKEN_SCOPE_READ ||
      request.scope() > v1::TOKEN_SCOPE_ADMIN)
    violations.push_back(
        {"scope", absl::StrCat("scope is ", request.scope(),
                               "; it must be READ, USER, OPERATOR or ADMIN")});
  if (request.note().size() > kMaxNoteBytes)
    violations.push_back(
        {"note", absl::StrCat("note has ", request.note().size(),
                              " bytes; at most ", kMaxNoteBytes)});
  const int64_t lifetime = request.lifetime_seconds();
  if (lifetime != 0 &&
      (lifetime < kMinLifetimeSeconds || lifetime > kMaxLifetimeSeconds))
    violations.push_back(
        {"lifetime_seconds",
         absl::StrCat("lifetime_seconds is ", lifetime, "; it must be from ",
                      kMinLifetimeSeconds, " to ", kMaxLifetimeSeconds)});
  return MakeBadRequest(reasons::kInvalidRequest, violations);
}

v1::Token ToMessage(const AccessToken& token) {
  v1::Token message;
  message.set_id(token.id);
  message.set_user(token.user);
  message.set_scope(token.scope);
  message.set_note(token.note);
  message.set_created_by(token.created_by);
  *message.mutable_create_time() = ToTimestamp(token.create_time);
  *message.mutable_expire_time() = ToTimestamp(token.expire_time);
  if (token.revoke_time != absl::InfinitePast())
    *message.mutable_revoke_time() = ToTimestamp(token.revoke_time);
  return message;
}

v1::AuditEntry ToMessage(const AuditEntry& entry) {
  v1::AuditEntry message;
  message.set_id(entry.id);
  *message.mutable_time() = ToTimestamp(entry.time);
  message.set_user(entry.user);
  message.set_peer(entry.peer);
  message.set_method(entry.method);
  message.set_job_id(entry.job);
  message.set_outcome(entry.outcome);
  message.set_message(entry.message);
  return message;
}

}  // namespace

grpc::ServerUnaryReactor* AccessServiceImpl::WhoAmI(
    grpc::CallbackServerContext* call, const v1::WhoAmIRequest* request,
    v1::WhoAmIResponse* response) {
  return RunUnary(context_, call, "WhoAmI", *request,
                  [response](const Caller& caller) {
                    response->set_user(caller.user);
                    response->set_role(caller.role);
                    response->set_peer(caller.peer);
                    response->set_read_only(caller.is_read_only);
                    return absl::OkStatus();
                  });
}

grpc::ServerUnaryReactor* AccessServiceImpl::ListUsers(
    grpc::CallbackServerContext* call, const v1::ListUsersRequest* request,
    v1::ListUsersResponse* response) {
  return RunUnary(context_, call, "ListUsers", *request,
                  [this, response](const Caller& caller) -> absl::Status {
                    ASSIGN_OR_RETURN(auto users,
                                     store_.ListUsage(context_.clock.Now()));
                    for (v1::UserUsage& usage : users)
                      if (MaySee(context_.gate.policy(), caller, usage.user()))
                        *response->add_users() = std::move(usage);
                    return absl::OkStatus();
                  });
}

grpc::ServerUnaryReactor* AccessServiceImpl::CreateToken(
    grpc::CallbackServerContext* call, const v1::CreateTokenRequest* request,
    v1::CreateTokenResponse* response) {
  return RunUnary(
      context_, call, "CreateToken", *request,
      [this, request, response](const Caller& caller) -> absl::Status {
        RETURN_IF_ERROR(CheckToken(*request));
        const int64_t lifetime = request->lifetime_seconds();
        const std::string secret = MakeAttemptToken();
        AccessToken token;
        token.user = request->user();
        token.scope = request->scope();
        token.note = request->note();
        token.hash = Sha256Hex(secret);
        token.created_by = caller.user;
        token.expire_time =
            context_.clock.Now() +
            absl::Seconds(lifetime == 0 ? kDefaultLifetimeSeconds : lifetime);
        ASSIGN_OR_RETURN(token, store_.AddToken(token));
        *response->mutable_token() = ToMessage(token);
        response->set_secret(secret);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AccessServiceImpl::ListTokens(
    grpc::CallbackServerContext* call, const v1::ListTokensRequest* request,
    v1::ListTokensResponse* response) {
  return RunUnary(context_, call, "ListTokens", *request,
                  [this, request, response]() -> absl::Status {
                    ASSIGN_OR_RETURN(const auto tokens,
                                     store_.ListTokens(request->user()));
                    for (const AccessToken& token : tokens)
                      *response->add_tokens() = ToMessage(token);
                    return absl::OkStatus();
                  });
}

grpc::ServerUnaryReactor* AccessServiceImpl::RevokeToken(
    grpc::CallbackServerContext* call, const v1::RevokeTokenRequest* request,
    v1::RevokeTokenResponse* response) {
  return RunUnary(context_, call, "RevokeToken", *request,
                  [this, request, response]() -> absl::Status {
                    ASSIGN_OR_RETURN(const AccessToken token,
                                     store_.RevokeToken(request->token_id()));
                    *response->mutable_token() = ToMessage(token);
                    return absl::OkStatus();
                  });
}

grpc::ServerUnaryReactor* AccessServiceImpl::ListAuditEntries(
    grpc::CallbackServerContext* call,
    const v1::ListAuditEntriesRequest* request,
    v1::ListAuditEntriesResponse* response) {
  return RunUnary(
      context_, call, "ListAuditEntries", *request,
      [this, request, response]() -> absl::Status {
        if (request->page_size() < 0)
          return MakeBadRequest(
              reasons::kInvalidRequest,
              {{"page_size", "page_size is negative; 0 is 50"}});
        AuditQuery query;
        query.user = request->user();
        query.job = request->job_id();
        query.before_id = request->before_id();
        query.limit = request->page_size() == 0
                          ? kDefaultPage
                          : std::min(request->page_size(), kLargestPage);
        ASSIGN_OR_RETURN(const auto entries, store_.ListAudit(query));
        for (const AuditEntry& entry : entries)
          *response->add_entries() = ToMessage(entry);
        return absl::OkStatus();
      });
}

}  // namespace atelier::server
