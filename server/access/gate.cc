#include "server/access/gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/access/rights.h"
#include "server/jobs/attempt_token.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxNameBytes = 256;

absl::Status NotKnown(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnauthenticated, reasons::kNotKnown, why);
}

absl::Status NotAllowed(absl::string_view method, const Caller& caller,
                        absl::string_view needed) {
  return MakeError(
      absl::StatusCode::kPermissionDenied, reasons::kNotAllowed,
      absl::StrCat(method, " needs ", needed, "; you are ", caller.user));
}

v1::Role MostOf(v1::TokenScope scope) {
  switch (scope) {
    case v1::TOKEN_SCOPE_ADMIN:
      return v1::ROLE_ADMIN;
    case v1::TOKEN_SCOPE_OPERATOR:
      return v1::ROLE_OPERATOR;
    default:
      return v1::ROLE_USER;
  }
}

// A user of whom this machine knows only the name.
UnixUser Stranger(const std::string& name) {
  return {name, static_cast<uid_t>(-1), static_cast<gid_t>(-1), {}};
}

}  // namespace

Gate::Gate(AccessPolicy policy, const CallLimitOptions& limits, GateParts parts)
    : policy_(std::move(policy)), limits_(limits, parts.clock), parts_(parts) {}

absl::StatusOr<Caller> Gate::CallerOf(const UnixUser& user,
                                      std::string peer) const {
  Caller caller{user.name, RoleOf(policy_, user), false, std::move(peer)};
  if (caller.role != v1::ROLE_UNSPECIFIED) return caller;
  return MakeError(absl::StatusCode::kPermissionDenied, reasons::kNotAllowed,
                   absl::StrCat("user ", user.name,
                                " is not among those that may use this "
                                "daemon; ask an administrator"));
}

absl::StatusOr<Caller> Gate::IdentifyToken(const CallPeer& peer) const {
  const std::string hash = Sha256Hex(peer.token);
  ASSIGN_OR_RETURN(const std::optional<AccessToken> token,
                   parts_.access.FindToken(hash));
  if (!token.has_value() || !TokenMatches(peer.token, token->hash))
    return NotKnown("the token is not one of this daemon");
  if (token->revoke_time != absl::InfinitePast())
    return NotKnown(absl::StrCat("token ", token->id, " was revoked"));
  if (token->expire_time <= parts_.clock.Now())
    return NotKnown(
        absl::StrCat("token ", token->id, " ended at ",
                     absl::FormatTime(token->expire_time, absl::UTCTimeZone()),
                     "; ask an administrator for another"));
  const auto user = parts_.users.ByName(token->user);
  ASSIGN_OR_RETURN(Caller caller, CallerOf(user.value_or(Stranger(token->user)),
                                           absl::StrCat("token:", token->id)));
  caller.role = std::min(caller.role, MostOf(token->scope));
  caller.is_read_only = token->scope == v1::TOKEN_SCOPE_READ;
  return caller;
}

absl::StatusOr<Caller> Gate::Identify(const CallPeer& peer) const {
  if (peer.kind == CallPeer::Kind::kProcess)
    return CallerOf(parts_.users.ById(peer.uid),
                    absl::StrCat("unix:uid=", peer.uid, ",pid=", peer.pid));
  if (peer.kind == CallPeer::Kind::kCertificate) {
    const std::string& name = peer.certificate;
    if (name.empty() || name.size() > kMaxNameBytes)
      return NotKnown("the certificate's subject has no usable common name");
    const auto user = parts_.users.ByName(name);
    return CallerOf(user.value_or(Stranger(name)),
                    absl::StrCat("certificate:", name));
  }
  if (!peer.token.empty()) return IdentifyToken(peer);
  return NotKnown(
      "the call has neither a client certificate nor a token "
      "(atelier admin token create)");
}

absl::Status Gate::CheckJob(absl::string_view method, const Caller& caller,
                            std::optional<JobId> job) const {
  const Right right = FindRights(method)->right;
  const bool sees = right == Right::kSeeJob;
  if (sees && !policy_.hides_jobs) return absl::OkStatus();
  const v1::Role enough =
      right == Right::kChangeJob ? v1::ROLE_ADMIN : v1::ROLE_OPERATOR;
  if (caller.IsAtLeast(enough)) return absl::OkStatus();
  if (!job.has_value())
    return NotAllowed(method, caller, "an operator or administrator");
  ASSIGN_OR_RETURN(const Job known, parts_.jobs.ReadJob(*job));
  if (known.owner == caller.user) return absl::OkStatus();
  return NotAllowed(
      method, caller,
      absl::StrCat("the owner of job ", *job, " (", known.owner, ") or an ",
                   enough == v1::ROLE_ADMIN ? "" : "operator or ",
                   "administrator"));
}

absl::Status Gate::Check(absl::string_view method, const Caller& caller,
                         std::optional<JobId> job) const {
  const Right right = FindRights(method)->right;
  if (caller.is_read_only && IsChange(right))
    return NotAllowed(method, caller, "a token that does more than read");
  if (NeedsJob(right)) return CheckJob(method, caller, job);
  if (right == Right::kOperate && !caller.IsAtLeast(v1::ROLE_OPERATOR))
    return NotAllowed(method, caller, "an operator or administrator");
  if (right == Right::kAdminister && !caller.IsAtLeast(v1::ROLE_ADMIN))
    return NotAllowed(method, caller, "an administrator");
  if (right == Right::kWorker)
    return NotAllowed(method, caller, "a worker on its own socket");
  return absl::OkStatus();
}

absl::StatusOr<Admitted> Gate::Admit(absl::string_view method,
                                     const CallPeer& peer,
                                     std::optional<JobId> job) {
  const RightsRow* row = FindRights(method);
  if (row == nullptr)
    return absl::InternalError(
        absl::StrCat(method, " has no row in the table of rights"));
  Admitted admitted;
  ASSIGN_OR_RETURN(admitted.caller, Identify(peer));
  const absl::Status allowed = Check(method, admitted.caller, job);
  if (IsChange(row->right)) {
    AuditEntry entry;
    entry.user = admitted.caller.user;
    entry.peer = admitted.caller.peer;
    entry.method = std::string(method);
    entry.job = NeedsJob(row->right) ? job.value_or(0) : 0;
    admitted.audit = parts_.access.BeginAudit(entry);
  }
  if (allowed.ok()) return admitted;
  Close(admitted, allowed);
  return allowed;
}

void Gate::Close(const Admitted& admitted, const absl::Status& outcome,
                 JobId job) {
  if (admitted.audit == 0) return;
  AuditEntry entry;
  entry.id = admitted.audit;
  entry.job = job;
  entry.outcome = absl::StatusCodeToString(outcome.code());
  entry.message = std::string(outcome.message());
  parts_.access.EndAudit(entry);
}

}  // namespace atelier::server
