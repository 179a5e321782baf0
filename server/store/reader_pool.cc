#include "server/store/reader_pool.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxIdle = 8;

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> ReaderPool::Take() {
  {
    absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return Connection::OpenReader(path_);
}

void ReaderPool::Keep(std::unique_ptr<Connection> connection) {
  if (!connection->is_idle()) return;
  absl::MutexLock lock(&mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
}

}  // namespace atelier::server
