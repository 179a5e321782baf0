#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/commands/drain.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/message_json.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"

namespace atelier::client {
namespace {

constexpr int64_t kDaySeconds = 86400;
constexpr int64_t kDefaultEntries = 50;
constexpr int64_t kMostEntries = 1000;

absl::StatusOr<v1::CreateTokenRequest> MakeTokenRequest(
    const Arguments& arguments) {
  v1::CreateTokenRequest request;
  if (arguments.positional.size() != 3)
    return absl::InvalidArgumentError(
        "for whom? it is `atelier admin token create USER`");
  request.set_user(arguments.positional[2]);
  request.set_note(arguments.Value("note"));
  request.set_scope(v1::TOKEN_SCOPE_USER);
  if (arguments.Has("scope")) {
    const auto scope = EnumFromName<v1::TokenScope>(arguments.Value("scope"));
    if (!scope.has_value())
      return absl::InvalidArgumentError(
          absl::StrCat("--scope is \"", arguments.Value("scope"),
                       "\"; must be read, user, operator or admin"));
    request.set_scope(*scope);
  }
  if (arguments.Has("days")) {
    ASSIGN_OR_RETURN(const int64_t days,
                     ParseInteger("days", arguments.Value("days"), 1));
    request.set_lifetime_seconds(std::min<int64_t>(days, 100000) * kDaySeconds);
  }
  return request;
}

absl::StatusOr<int> CreateToken(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const v1::CreateTokenRequest request,
                   MakeTokenRequest(invocation.arguments));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::CreateTokenResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::AccessService::Stub::CreateToken,
                                   request, &response));
  if (invocation.json()) {
    PrintJson(MessageToJson(response), invocation.context);
    return kExitOk;
  }
  // The secret alone on standard output: `… > token-file`.
  invocation.context.err << "token " << response.token().id() << " for "
                         << Printable(response.token().user()) << ", until "
                         << LocalTime(response.token().expire_time())
                         << "; it is shown this once" << std::endl;
  invocation.context.out << response.secret() << std::endl;
  return kExitOk;
}

std::string TokenState(const v1::Token& token, absl::Time now) {
  if (token.has_revoke_time()) return "revoked";
  return absl::FromUnixSeconds(token.expire_time().seconds()) <= now ? "ended"
                                                                     : "good";
}

absl::StatusOr<int> ListTokens(const Invocation& invocation) {
  v1::ListTokensRequest request;
  request.set_user(invocation.arguments.Value("user"));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::ListTokensResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::AccessService::Stub::ListTokens,
                                   request, &response));
  if (invocation.json()) {
    for (const v1::Token& token : response.tokens())
      PrintJson(MessageToJson(token), invocation.context);
    return kExitOk;
  }
  Table table({"ID", "USER", "SCOPE", "STATE", "UNTIL", "MADE BY", "NOTE"});
  for (const v1::Token& token : response.tokens())
    table.Add({absl::StrCat(token.id()), Printable(token.user()),
               EnumName(token.scope()),
               TokenState(token, invocation.context.now()),
               LocalTime(token.expire_time()), Printable(token.created_by()),
               Printable(token.note())});
  table.Print(invocation.context.out);
  return kExitOk;
}

absl::StatusOr<int> RevokeToken(const Invocation& invocation) {
  const auto& words = invocation.arguments.positional;
  if (words.size() != 3)
    return absl::InvalidArgumentError(
        "which one? it is `atelier admin token revoke ID`");
  v1::RevokeTokenRequest request;
  ASSIGN_OR_RETURN(const int64_t id, ParseInteger("ID", words[2], 1));
  request.set_token_id(id);
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::RevokeTokenResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::AccessService::Stub::RevokeToken,
                                   request, &response));
  if (invocation.json())
    PrintJson(MessageToJson(response.token()), invocation.context);
  else
    invocation.context.out << "token " << id << " is refused from now on"
                           << std::endl;
  return kExitOk;
}

absl::StatusOr<int> RunToken(const Invocation& invocation) {
  const auto& words = invocation.arguments.positional;
  const std::string verb = words.size() > 1 ? words[1] : "list";
  if (verb == "create") return CreateToken(invocation);
  if (verb == "list") return ListTokens(invocation);
  if (verb == "revoke") return RevokeToken(invocation);
  return absl::InvalidArgumentError(
      absl::StrCat("admin token has no command ", verb,
                   DidYouMean(verb, {"create", "list", "revoke"})));
}

absl::StatusOr<int> RunAudit(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  v1::ListAuditEntriesRequest request;
  request.set_user(arguments.Value("user"));
  int64_t limit = kDefaultEntries;
  if (arguments.Has("job")) {
    ASSIGN_OR_RETURN(const int64_t job, ParseJobId(arguments.Value("job")));
    request.set_job_id(job);
  }
  if (arguments.Has("limit")) {
    ASSIGN_OR_RETURN(limit, ParseInteger("limit", arguments.Value("limit"), 1));
  }
  request.set_page_size(static_cast<int32_t>(std::min(limit, kMostEntries)));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::ListAuditEntriesResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::AccessService::Stub::ListAuditEntries,
                                   request, &response));
  Table table({"TIME", "USER", "CALL", "JOB", "OUTCOME", "BY", "MESSAGE"});
  for (const v1::AuditEntry& entry : response.entries()) {
    if (invocation.json()) PrintJson(MessageToJson(entry), invocation.context);
    table.Add(
        {LocalTime(entry.time()), Printable(entry.user()),
         Printable(entry.method()),
         entry.job_id() == 0 ? "" : absl::StrCat(entry.job_id()),
         entry.outcome().empty() ? "not known" : Printable(entry.outcome()),
         Printable(entry.peer()), Printable(entry.message())});
  }
  if (!invocation.json()) table.Print(invocation.context.out);
  return kExitOk;
}

absl::StatusOr<int> RunAdmin(const Invocation& invocation) {
  const std::string& noun = invocation.arguments.positional[0];
  if (noun == "token") return RunToken(invocation);
  if (noun == "audit") return RunAudit(invocation);
  if (noun == "drain") return RunDrain(invocation);
  if (noun == "resume") return RunResume(invocation);
  return absl::InvalidArgumentError(
      absl::StrCat("admin has no command ", noun,
                   DidYouMean(noun, {"audit", "drain", "resume", "token"})));
}

}  // namespace

Command AdminCommand() {
  return {"admin",
          "For administrators: token create|list|revoke, audit, drain, resume",
          {"token create USER | token list | token revoke ID | audit | drain "
           "[DEVICE] | resume [DEVICE]",
           1,
           3,
           {{"scope", "SCOPE", "Of a new token: read, user, operator, admin"},
            {"days", "N", "A new token ends after so many days (90)"},
            {"note", "TEXT", "What a new token is for"},
            {"user", "NAME", "Only tokens or entries of this user"},
            {"job", "ID", "Only entries of this job"},
            {"limit", "N", "At most so many entries (50)"},
            {"message", "TEXT", "Why it is drained"},
            {"requeue", "",
             "Running jobs save their state, stop and go on later"}}},
          RunAdmin};
}

}  // namespace atelier::client
