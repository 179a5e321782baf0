#include "server/run/worker_registry.h"

#include <utility>

namespace atelier::server {

void WorkerRegistry::Connect(const AttemptId& attempt,
                             std::shared_ptr<WorkerConnection> connection) {
  absl::MutexLock lock(&mutex_);
  connections_[attempt] = std::move(connection);
  seen_.insert(attempt);
}

void WorkerRegistry::Disconnect(const AttemptId& attempt,
                                const WorkerConnection* connection) {
  absl::MutexLock lock(&mutex_);
  auto it = connections_.find(attempt);
  if (it != connections_.end() && it->second.get() == connection)
    connections_.erase(it);
}

std::shared_ptr<WorkerConnection> WorkerRegistry::Find(
    const AttemptId& attempt) const {
  absl::MutexLock lock(&mutex_);
  auto it = connections_.find(attempt);
  return it == connections_.end() ? nullptr : it->second;
}

bool WorkerRegistry::SendCommand(const AttemptId& attempt,
                                 v1::WorkerCommand::Kind kind) {
  std::shared_ptr<WorkerConnection> connection = Find(attempt);
  if (connection == nullptr) return false;
  connection->SendCommand(kind);
  return true;
}

bool WorkerRegistry::HasBeenConnected(const AttemptId& attempt) const {
  absl::MutexLock lock(&mutex_);
  return seen_.count(attempt) > 0;
}

void WorkerRegistry::Forget(const AttemptId& attempt) {
  std::shared_ptr<WorkerConnection> connection = Find(attempt);
  if (connection != nullptr) connection->Fence();
  absl::MutexLock lock(&mutex_);
  connections_.erase(attempt);
  seen_.erase(attempt);
}

}  // namespace atelier::server
