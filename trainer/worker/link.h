// The worker's side of WorkerService.Attach: one stream after another to the
// daemon's Unix socket, for as long as the lease lasts.
//
//   connect → hello → welcome (spec, first event wanted, lease) → events up,
//   acks and commands down
//      ▲                └→ fenced: this attempt is over                    │
//      └──────────── back-off, 50 ms to 2 s ◀── the stream broke ──────────┘
//
// Events are read from the journal, so nothing waits in memory and nothing is
// lost when the daemon is away. The daemon ignores events that it already has.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "atelier/v1/worker.grpc.pb.h"
#include "trainer/job/stop_token.h"
#include "trainer/worker/journal.h"
#include "trainer/worker/lease.h"

namespace atelier::trainer {

struct LinkOptions {
  std::string socket_path;
  int64_t job_id = 0;
  int attempt = 0;
  std::string token;
  std::chrono::milliseconds heartbeat{5000};
  std::chrono::milliseconds min_backoff{50};
  std::chrono::milliseconds max_backoff{2000};
  // How long the first welcome is waited for.
  std::chrono::milliseconds first_contact{600000};
};

// Threads: any. Owns three threads; the destructor ends the stream and joins
// them.
class Link {
 public:
  // `on_fenced` is called once, from a thread of the link, when another attempt
  // took this one's place: the process must write nothing more.
  Link(LinkOptions options, Journal& journal, StopToken& stop,
       std::function<void(const std::string& message)> on_fenced);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Blocks until the daemon has welcomed this attempt.
  // Errors: UNAVAILABLE when no daemon answered in time; ABORTED when the
  // attempt is fenced.
  absl::StatusOr<v1::WorkerWelcome> WaitForWelcome()
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Something was appended to the journal.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

  // Blocks until every event up to `sequence` is durable with the daemon, at
  // most for `patience`. False: it was not in time, the lease ended, or the
  // attempt is fenced.
  bool WaitUntilAcknowledged(int64_t sequence,
                             absl::Duration patience = absl::InfiniteDuration())
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The lease ended without contact; the stop token is set then.
  bool lease_expired() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::AttachRequest, v1::AttachResponse>;

  void Connect();
  void RunStream(v1::WorkerService::Stub& stub);
  bool SayHello(Stream& stream);
  void ReadAnswers(Stream& stream);
  void WriteEvents(Stream& stream);
  // Waits for an event to send, a heartbeat that is due or the end of the
  // stream.
  bool NextRequest(v1::AttachRequest& request);
  void Take(const v1::AttachResponse& response) ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeWelcome(const v1::WorkerWelcome& welcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeCommand(const v1::WorkerCommand& command);
  void WatchLease();
  bool over() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closing_ || fenced_ || lease_expired_;
  }

  const LinkOptions options_;
  Journal& journal_;
  StopToken& stop_;
  const std::function<void(const std::string&)> on_fenced_;

  mutable absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool fenced_ ABSL_GUARDED_BY(mutex_) = false;
  std::string fenced_message_ ABSL_GUARDED_BY(mutex_);
  bool lease_expired_ ABSL_GUARDED_BY(mutex_) = false;
  Lease lease_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::WorkerWelcome> welcome_ ABSL_GUARDED_BY(mutex_);
  // Of the current stream: it was welcomed, it broke, what to send next.
  bool attached_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t next_sequence_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t last_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string last_error_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;

  std::thread lease_thread_;
  std::thread thread_;
};

}  // namespace atelier::trainer
