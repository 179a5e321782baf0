// Which workers are connected at the moment, and the way to speak to them.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "atelier/v1/worker.pb.h"
#include "server/jobs/job.h"

namespace atelier::server {

// One worker's open stream.
class WorkerConnection {
 public:
  virtual ~WorkerConnection() = default;

  // Queues a command. Threads: any. Does not block.
  virtual void SendCommand(v1::WorkerCommand::Kind kind) = 0;
  // Tells the worker that its attempt is over and ends the stream.
  virtual void Fence() = 0;
};

// Threads: any.
class WorkerRegistry {
 public:
  // The attempt's worker is connected; its former connection, if it still
  // stands, is forgotten, not ended.
  void Connect(const AttemptId& attempt,
               std::shared_ptr<WorkerConnection> connection);

  // That connection has ended; another one of the attempt stays.
  void Disconnect(const AttemptId& attempt, const WorkerConnection* connection);

  // False: the worker is not connected.
  bool SendCommand(const AttemptId& attempt, v1::WorkerCommand::Kind kind);

  // The attempt's worker was connected at some time since the daemon began.
  bool HasBeenConnected(const AttemptId& attempt) const;

  // The attempt has ended: fences its connection, if one stands.
  void Forget(const AttemptId& attempt);

 private:
  std::shared_ptr<WorkerConnection> Find(const AttemptId& attempt) const;

  mutable absl::Mutex mutex_;
  std::map<AttemptId, std::shared_ptr<WorkerConnection>> connections_
      ABSL_GUARDED_BY(mutex_);
  std::set<AttemptId> seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
