// Where tokens and the audit log are kept.
//
// Threads: any. Errors, of every method besides its own: those of JobStore.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "atelier/v1/access.pb.h"
#include "server/jobs/job.h"

namespace atelier::server {

struct AccessToken {
  int64_t id = 0;
  std::string user;
  v1::TokenScope scope = v1::TOKEN_SCOPE_UNSPECIFIED;
  std::string note;
  // Hexadecimal SHA-256 of the secret.
  std::string hash;
  std::string created_by;
  absl::Time create_time = absl::InfinitePast();
  absl::Time expire_time = absl::InfinitePast();
  // Infinite past: it was not.
  absl::Time revoke_time = absl::InfinitePast();
};

struct AuditEntry {
  int64_t id = 0;
  absl::Time time = absl::InfinitePast();
  std::string user;
  std::string peer;
  std::string method;
  JobId job = 0;
  // Empty: not known.
  std::string outcome;
  std::string message;
};

struct AuditQuery {
  // Empty, 0: any.
  std::string user;
  JobId job = 0;
  // 0: from the newest on.
  int64_t before_id = 0;
  int limit = 50;
};

class AccessStore {
 public:
  virtual ~AccessStore() = default;

  // Keeps a token; gives it its id and create_time. Blocks: one sync.
  virtual absl::StatusOr<AccessToken> AddToken(const AccessToken& token) = 0;
  // None: there is no token with this hash.
  virtual absl::StatusOr<std::optional<AccessToken>> FindToken(
      const std::string& hash) const = 0;
  // Newest first; of everybody where `user` is empty.
  virtual absl::StatusOr<std::vector<AccessToken>> ListTokens(
      const std::string& user) const = 0;
  // A second time changes nothing. Errors: NOT_FOUND, TOKEN_NOT_FOUND.
  virtual absl::StatusOr<AccessToken> RevokeToken(int64_t id) = 0;

  // Queues an entry before the change that it tells of, so that no change is
  // durable without its entry. Returns its id. Does not block.
  virtual int64_t BeginAudit(const AuditEntry& entry) = 0;
  // What came of it, and the job where that was not known before. Does not
  // block: it may be lost when the machine goes down within 20 ms.
  virtual void EndAudit(const AuditEntry& entry) = 0;
  virtual absl::StatusOr<std::vector<AuditEntry>> ListAudit(
      const AuditQuery& query) const = 0;

  // What every user that ever submitted has; `now` counts for devices that are
  // still held. Blocks: reads all leases.
  virtual absl::StatusOr<std::vector<v1::UserUsage>> ListUsage(
      absl::Time now) const = 0;
};

}  // namespace atelier::server
