// AccessStore in SQLite, in the same database as the jobs: a change and its
// audit entry share the writer's order, so the entry is never the later one.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "server/access/access_store.h"
#include "server/store/reader_pool.h"
#include "server/store/writer.h"

namespace atelier::server {

class SqliteAccessStore : public AccessStore {
 public:
  // Both outlive the store. `last_audit` is the highest id that was given.
  SqliteAccessStore(Writer& writer, ReaderPool& readers, int64_t last_audit)
      : writer_(writer), readers_(readers), last_audit_(last_audit) {}

  absl::StatusOr<AccessToken> AddToken(const AccessToken& token) override;
  absl::StatusOr<std::optional<AccessToken>> FindToken(
      const std::string& hash) const override;
  absl::StatusOr<std::vector<AccessToken>> ListTokens(
      const std::string& user) const override;
  absl::StatusOr<AccessToken> RevokeToken(int64_t id) override;
  int64_t BeginAudit(const AuditEntry& entry) override;
  void EndAudit(const AuditEntry& entry) override;
  absl::StatusOr<std::vector<AuditEntry>> ListAudit(
      const AuditQuery& query) const override;
  absl::StatusOr<std::vector<v1::UserUsage>> ListUsage(
      absl::Time now) const override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
  std::atomic<int64_t> last_audit_;
};

}  // namespace atelier::server
