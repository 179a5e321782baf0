// The daemon's side of WorkerService for tests: keeps events as the real one
// does (exactly once, in order), and can break, fence, command and refuse to
// acknowledge.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

#include "atelier/v1/worker.grpc.pb.h"

namespace atelier::trainer::testing {

class FakeDaemon : public v1::WorkerService::Service {
 public:
  explicit FakeDaemon(std::string socket_path)
      : socket_path_(std::move(socket_path)) {
    spec_.set_name("a job");
    Start();
  }
  ~FakeDaemon() override { Stop(); }

  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_path_,
                             grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  // Breaks every stream and frees the socket; what is stored stays.
  void Stop() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  // Blocks until `count` events are stored.
  std::vector<v1::Event> WaitForEvents(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&] { return events_.size() >= count; };
    mutex_.Await(absl::Condition(&there));
    return events_;
  }
  v1::WorkerHello WaitForHello(int number) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&] { return hellos_ >= number; };
    mutex_.Await(absl::Condition(&there));
    return hello_;
  }
  int hellos() {
    absl::MutexLock lock(&mutex_);
    return hellos_;
  }

  void set_lease(absl::Duration lease) {
    absl::MutexLock lock(&mutex_);
    lease_ = lease;
  }
  void set_fenced(bool fenced) {
    absl::MutexLock lock(&mutex_);
    fenced_ = fenced;
  }
  void set_command(v1::WorkerCommand::Kind kind) {
    absl::MutexLock lock(&mutex_);
    command_ = kind;
  }
  // Breaks each stream after this many events, unacknowledged; 0: never.
  void set_break_after(int events) {
    absl::MutexLock lock(&mutex_);
    break_after_ = events;
  }

  grpc::Status Attach(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::AttachResponse, v1::AttachRequest>* stream)
      override {
    v1::AttachRequest request;
    if (!stream->Read(&request)) return grpc::Status::OK;
    if (!stream->Write(Answer(request.hello()))) return grpc::Status::OK;
    int received = 0;
    while (stream->Read(&request)) {
      if (!request.has_event()) continue;
      const v1::AttachResponse ack = Store(request.event());
      if (++received == break_after()) {
        return {grpc::StatusCode::UNAVAILABLE, "broken"};
      }
      if (!stream->Write(ack)) break;
    }
    return grpc::Status::OK;
  }

 private:
  v1::AttachResponse Answer(const v1::WorkerHello& hello) {
    absl::MutexLock lock(&mutex_);
    ++hellos_;
    hello_ = hello;
    v1::AttachResponse response;
    if (fenced_) {
      response.mutable_fenced()->set_message("attempt 2 runs");
      return response;
    }
    v1::WorkerWelcome& welcome = *response.mutable_welcome();
    *welcome.mutable_spec() = spec_;
    welcome.set_output_dir("/out");
    welcome.set_want_from_sequence(static_cast<int64_t>(events_.size()) + 1);
    SetLease(welcome.mutable_lease_until());
    welcome.mutable_command()->set_kind(command_);
    return response;
  }

  v1::AttachResponse Store(const v1::Event& event) {
    absl::MutexLock lock(&mutex_);
    const auto next = static_cast<int64_t>(events_.size()) + 1;
    if (event.worker_sequence() == next) events_.push_back(event);
    v1::AttachResponse response;
    response.mutable_ack()->set_sequence(static_cast<int64_t>(events_.size()));
    SetLease(response.mutable_ack()->mutable_lease_until());
    return response;
  }

  void SetLease(google::protobuf::Timestamp* until) {
    const absl::Time time = absl::Now() + lease_;
    until->set_seconds(absl::ToUnixSeconds(time));
    until->set_nanos(
        static_cast<int32_t>(absl::ToUnixNanos(time) % 1000000000));
  }

  int break_after() {
    absl::MutexLock lock(&mutex_);
    return break_after_;
  }

  const std::string socket_path_;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mutex_;
  v1::JobSpec spec_;
  std::vector<v1::Event> events_;
  v1::WorkerHello hello_;
  int hellos_ = 0;
  absl::Duration lease_ = absl::Hours(1);
  bool fenced_ = false;
  int break_after_ = 0;
  v1::WorkerCommand::Kind command_ = v1::WorkerCommand::KIND_UNSPECIFIED;
};

}  // namespace atelier::trainer::testing
