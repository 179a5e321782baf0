// One worker's stream.
//
//   hello ──(pool: who is it?)──▶ welcome ──▶ events → store → ack …
//                   └──▶ fenced, end
//
// Events are handed to the store as they come, up to kMaxUnstored at a time;
// when each is durable its sequence is acknowledged. Nothing waits for the disk
// on a gRPC thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"

#include "atelier/v1/worker.pb.h"
#include "server/api/call_context.h"
#include "server/jobs/job_store.h"
#include "server/run/worker_registry.h"
#include "server/schedule/lease.h"

namespace atelier::server {

struct WorkerServiceParts {
  JobStore& store;
  WorkerRegistry& registry;
  WorkerLeases& leases;
  // Sent to workers; may be empty.
  std::string tokenizer_dir;
};

class WorkerAttachment : public WorkerConnection,
                         public OpenStream,
                         public std::enable_shared_from_this<WorkerAttachment> {
 public:
  using Reactor =
      grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>;

  // Starts serving a stream. `parts` outlives it.
  static Reactor* Start(const CallContext& context,
                        const WorkerServiceParts& parts);

  void SendCommand(v1::WorkerCommand::Kind kind) override;
  void Fence() override;
  void End(const absl::Status& status) override;

 private:
  class AttachReactor;

  WorkerAttachment(const CallContext& context, const WorkerServiceParts& parts);

  void OnReadDone(bool ok);
  void OnWriteDone(bool ok);
  void OnDone();
  // On the pool: who is it, and what does it get to know.
  void Greet(const v1::WorkerHello& hello);
  absl::StatusOr<v1::WorkerWelcome> Admit(const v1::WorkerHello& hello);
  void OnStored(const absl::StatusOr<int64_t>& durable);

  void TakeHello() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Acknowledge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FenceOff(const std::string& message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(v1::AttachResponse response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallContext context_;
  const WorkerServiceParts& parts_;
  const absl::Time begin_;
  Reactor* reactor_ = nullptr;

  // Filled by gRPC between ReadMore and OnReadDone.
  v1::AttachRequest request_;
  // Taken before the leases' own lock; never while the store is called.
  absl::Mutex mutex_;
  // Unset (job 0) until the worker was admitted.
  AttemptId attempt_ ABSL_GUARDED_BY(mutex_);
  bool greeted_ ABSL_GUARDED_BY(mutex_) = false;
  // Every event up to here is in the store.
  int64_t durable_ ABSL_GUARDED_BY(mutex_) = 0;
  int unstored_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  v1::AttachResponse current_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::AttachResponse> queue_ ABSL_GUARDED_BY(mutex_);
  // The stream ends so once the queue is empty.
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
