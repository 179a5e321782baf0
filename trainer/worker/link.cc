#include "trainer/worker/link.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

#include "trainer/job/host_memory.h"

namespace atelier::trainer {
namespace {

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& socket_path) {
  grpc::ChannelArguments arguments;
  // The back-off is ours: every attempt connects anew.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(absl::StrCat("unix:", socket_path),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

Lease::Wall::time_point ToWall(const google::protobuf::Timestamp& time) {
  return Lease::Wall::time_point(
      std::chrono::duration_cast<Lease::Wall::duration>(
          std::chrono::nanoseconds(
              google::protobuf::util::TimeUtil::TimestampToNanoseconds(time))));
}

}  // namespace

Link::Link(LinkOptions options, Journal& journal, StopToken& stop,
           std::function<void(const std::string&)> on_fenced)
    : options_(std::move(options)),
      journal_(journal),
      stop_(stop),
      on_fenced_(std::move(on_fenced)),
      last_sequence_(journal.last_sequence()),
      lease_thread_(&Link::WatchLease, this),
      thread_(&Link::Connect, this) {}

Link::~Link() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  thread_.join();
  lease_thread_.join();
}

absl::StatusOr<v1::WorkerWelcome> Link::WaitForWelcome() {
  absl::MutexLock lock(&mutex_);
  const auto answered = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return welcome_.has_value() || fenced_;
  };
  mutex_.AwaitWithTimeout(absl::Condition(&answered),
                          absl::FromChrono(options_.first_contact));
  if (fenced_) return absl::AbortedError(fenced_message_);
  if (!welcome_.has_value()) {
    return absl::UnavailableError(absl::StrCat(
        "no daemon answers at ", options_.socket_path, ": ", last_error_));
  }
  return *welcome_;
}

void Link::Wake() {
  const int64_t last = journal_.last_sequence();
  absl::MutexLock lock(&mutex_);
  last_sequence_ = std::max(last_sequence_, last);
}

bool Link::WaitUntilAcknowledged(int64_t sequence, absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  const auto settled = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return acknowledged_ >= sequence || over();
  };
  mutex_.AwaitWithTimeout(absl::Condition(&settled), patience);
  return acknowledged_ >= sequence;
}

bool Link::lease_expired() const {
  absl::MutexLock lock(&mutex_);
  return lease_expired_;
}

void Link::Connect() {
  auto backoff = options_.min_backoff;
  for (;;) {
    const std::unique_ptr<v1::WorkerService::Stub> stub =
        v1::WorkerService::NewStub(MakeChannel(options_.socket_path));
    RunStream(*stub);
    absl::MutexLock lock(&mutex_);
    backoff = attached_ ? options_.min_backoff
                        : std::min(backoff * 2, options_.max_backoff);
    const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return over();
    };
    if (mutex_.AwaitWithTimeout(absl::Condition(&ended),
                                absl::FromChrono(backoff))) {
      return;
    }
  }
}

void Link::RunStream(v1::WorkerService::Stub& stub) {
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    attached_ = broken_ = false;
    if (over()) return;
    context_ = &context;
  }
  const std::unique_ptr<Stream> stream = stub.Attach(&context);
  if (SayHello(*stream)) {
    std::thread reader(&Link::ReadAnswers, this, std::ref(*stream));
    WriteEvents(*stream);
    stream->WritesDone();
    context.TryCancel();
    reader.join();
  }
  const grpc::Status status = stream->Finish();
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  last_error_ = status.error_message();
}

bool Link::SayHello(Stream& stream) {
  v1::AttachRequest request;
  v1::WorkerHello& hello = *request.mutable_hello();
  hello.set_job_id(options_.job_id);
  hello.set_attempt(options_.attempt);
  hello.set_token(options_.token);
  hello.set_pid(getpid());
  hello.set_last_sequence(journal_.last_sequence());
  hello.set_version(ATELIER_VERSION);
  return stream.Write(request);
}

void Link::ReadAnswers(Stream& stream) {
  v1::AttachResponse response;
  while (stream.Read(&response)) Take(response);
  absl::MutexLock lock(&mutex_);
  broken_ = true;
}

void Link::WriteEvents(Stream& stream) {
  v1::AttachRequest request;
  while (NextRequest(request)) {
    if (!stream.Write(request)) return;
  }
}

bool Link::NextRequest(v1::AttachRequest& request) {
  int64_t sequence = 0;
  {
    absl::MutexLock lock(&mutex_);
    const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return over() || broken_ ||
             (attached_ && next_sequence_ <= last_sequence_);
    };
    mutex_.AwaitWithTimeout(absl::Condition(&ready),
                            absl::FromChrono(options_.heartbeat));
    if (over() || broken_) return false;
    if (attached_ && next_sequence_ <= last_sequence_) {
      sequence = next_sequence_++;
    }
  }
  if (sequence == 0) {
    request.mutable_heartbeat()->set_host_rss_bytes(ReadHostMemory().now_bytes);
    return true;
  }
  absl::StatusOr<v1::Event> event = journal_.Read(sequence);
  if (!event.ok()) return false;
  event->set_attempt(options_.attempt);
  *request.mutable_event() = *std::move(event);
  return true;
}

void Link::Take(const v1::AttachResponse& response) {
  std::string fenced_by;
  {
    absl::MutexLock lock(&mutex_);
    if (response.has_welcome()) {
      TakeWelcome(response.welcome());
    } else if (response.has_ack()) {
      acknowledged_ = std::max(acknowledged_, response.ack().sequence());
      if (response.ack().has_lease_until()) {
        lease_.Renew(ToWall(response.ack().lease_until()));
      }
    } else if (response.has_command()) {
      TakeCommand(response.command());
    } else if (response.has_fenced() && !fenced_) {
      fenced_ = true;
      fenced_message_ = fenced_by =
          absl::StrCat("another attempt took this one's place: ",
                       response.fenced().message());
    }
  }
  if (fenced_by.empty()) return;
  stop_.RequestStop();
  on_fenced_(fenced_by);
}

void Link::TakeWelcome(const v1::WorkerWelcome& welcome) {
  if (welcome.has_lease_until()) lease_.Renew(ToWall(welcome.lease_until()));
  next_sequence_ = std::max<int64_t>(1, welcome.want_from_sequence());
  acknowledged_ = std::max(acknowledged_, next_sequence_ - 1);
  attached_ = true;
  TakeCommand(welcome.command());
  if (!welcome_.has_value()) welcome_ = welcome;
}

void Link::TakeCommand(const v1::WorkerCommand& command) {
  switch (command.kind()) {
    case v1::WorkerCommand::KIND_STOP:
      return stop_.RequestStop();
    case v1::WorkerCommand::KIND_SAVE_AND_STOP:
      return stop_.RequestStopWithState();
    case v1::WorkerCommand::KIND_CHECKPOINT_NOW:
      return stop_.RequestCheckpoint();
    case v1::WorkerCommand::KIND_SAMPLE_NOW:
      return stop_.RequestSample();
    default:
      return;
  }
}

void Link::WatchLease() {
  absl::MutexLock lock(&mutex_);
  while (!over()) {
    const auto seen = lease_.deadline();
    const auto changed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return over() || lease_.deadline() != seen;
    };
    if (!seen.has_value()) {
      mutex_.Await(absl::Condition(&changed));
      continue;
    }
    mutex_.AwaitWithTimeout(absl::Condition(&changed),
                            absl::FromChrono(*seen - Lease::Steady::now()));
    if (!over() && lease_.expired()) {
      lease_expired_ = true;
      stop_.RequestStop();
      if (context_ != nullptr) context_->TryCancel();
    }
  }
}

}  // namespace atelier::trainer
