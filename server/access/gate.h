// The one place where it is decided whether a call may go on, and where changes
// are put down in the audit log.
//
//   gRPC's thread: Enter (limits)  →  pool: Admit (who, rights, audit)  →  the
//   handler  →  Close (what came of it)
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "server/access/access_policy.h"
#include "server/access/access_store.h"
#include "server/access/call_limits.h"
#include "server/access/caller.h"
#include "server/access/user_database.h"
#include "server/jobs/clock.h"
#include "server/jobs/job_store.h"

namespace atelier::server {

// All outlive the gate.
struct GateParts {
  JobStore& jobs;
  AccessStore& access;
  UserDatabase& users;
  const Clock& clock;
};

// A call that was let in.
struct Admitted {
  Caller caller;
  // Where the audit log has it; 0: it does not.
  int64_t audit = 0;
};

class Gate {
 public:
  Gate(AccessPolicy policy, const CallLimitOptions& limits, GateParts parts);

  CallLimits& limits() { return limits_; }
  const AccessPolicy& policy() const { return policy_; }

  // Who calls. Blocks: on name service and database.
  // Errors: UNAUTHENTICATED, NOT_KNOWN.
  absl::StatusOr<Caller> Identify(const CallPeer& peer) const;

  // Lets a call in, or says why not; changes and refusals of changes are
  // written down. `job` is the one that the request names.
  // Errors: those of Identify; PERMISSION_DENIED, NOT_ALLOWED; NOT_FOUND,
  // JOB_NOT_FOUND; INTERNAL: the method has no row (rights.h).
  absl::StatusOr<Admitted> Admit(absl::string_view method, const CallPeer& peer,
                                 std::optional<JobId> job);

  // Writes down what came of a call. `job` is the one that it made, else 0.
  void Close(const Admitted& admitted, const absl::Status& outcome,
             JobId job = 0);

 private:
  absl::StatusOr<Caller> IdentifyToken(const CallPeer& peer) const;
  absl::StatusOr<Caller> CallerOf(const UnixUser& user, std::string peer) const;
  absl::Status Check(absl::string_view method, const Caller& caller,
                     std::optional<JobId> job) const;
  absl::Status CheckJob(absl::string_view method, const Caller& caller,
                        std::optional<JobId> job) const;

  const AccessPolicy policy_;
  CallLimits limits_;
  const GateParts parts_;
};

}  // namespace atelier::server
