// The wire half of the fake trainer: a journal and a stream that comes back.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

#include "atelier/v1/worker.grpc.pb.h"

namespace atelier::testing {

struct FakeFlags {
  std::string socket;
  int64_t job = 0;
  int attempt = 0;
  std::string token;
  std::string run_dir;
};

// Threads: any.
class FakeLink {
 public:
  explicit FakeLink(FakeFlags flags);
  ~FakeLink();

  // Blocks until the daemon says welcome; ends the process with 86 when it says
  // fenced.
  v1::WorkerWelcome AwaitWelcome();

  // Puts the event into the journal, then on its way.
  void Send(v1::Event event);

  // Blocks until all is acknowledged. False: not in time.
  bool AwaitAcknowledged(absl::Duration limit);

  bool is_stop_requested() const { return stop_; }
  // It is to save its state before.
  bool is_state_requested() const { return state_; }

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::AttachRequest, v1::AttachResponse>;

  void Loop();
  void Serve(Stream& stream);
  void Read(Stream& stream);
  void Take(const v1::AttachResponse& response);
  bool NextEvent(v1::AttachRequest& request);

  const FakeFlags flags_;
  int journal_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<bool> state_{false};
  absl::Mutex mutex_;
  std::vector<v1::Event> events_ ABSL_GUARDED_BY(mutex_);
  v1::WorkerWelcome welcome_ ABSL_GUARDED_BY(mutex_);
  bool is_welcome_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_attached_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace atelier::testing
