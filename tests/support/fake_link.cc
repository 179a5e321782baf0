#include "tests/support/fake_link.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

namespace atelier::testing {
namespace {

constexpr int kExitFenced = 86;
// Between tries to reach a daemon that is away.
constexpr absl::Duration kRetry = absl::Milliseconds(20);

std::string LittleEndian(uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i)
    bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

void WriteAll(int fd, const std::string& bytes) {
  if (write(fd, bytes.data(), bytes.size()) !=
      static_cast<ssize_t>(bytes.size()))
    perror("fake trainer: journal");
}

}  // namespace

FakeLink::FakeLink(FakeFlags flags) : flags_(std::move(flags)) {
  journal_ = open((flags_.run_dir + "/events.journal").c_str(),
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  WriteAll(journal_, "ATLJRNL1");
  thread_ = std::thread([this] { Loop(); });
}

FakeLink::~FakeLink() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  thread_.join();
  close(journal_);
}

v1::WorkerWelcome FakeLink::AwaitWelcome() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&is_welcome_));
  return welcome_;
}

void FakeLink::Send(v1::Event event) {
  absl::MutexLock lock(&mutex_);
  event.set_worker_sequence(static_cast<int64_t>(events_.size()) + 1);
  std::string payload = event.SerializeAsString();
  uLong checksum = crc32(0, reinterpret_cast<const Bytef*>(payload.data()),
                         static_cast<uInt>(payload.size()));
  WriteAll(journal_, LittleEndian(static_cast<uint32_t>(payload.size())) +
                         LittleEndian(static_cast<uint32_t>(checksum)) +
                         payload);
  events_.push_back(std::move(event));
}

bool FakeLink::AwaitAcknowledged(absl::Duration limit) {
  absl::MutexLock lock(&mutex_);
  auto done = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return acknowledged_ >= static_cast<int64_t>(events_.size());
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&done), limit);
}

void FakeLink::Loop() {
  while (true) {
    auto stub = v1::WorkerService::NewStub(grpc::CreateChannel(
        "unix:" + flags_.socket, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    {
      absl::MutexLock lock(&mutex_);
      if (closing_) return;
      context_ = &context;
      is_attached_ = is_broken_ = false;
    }
    std::unique_ptr<Stream> stream = stub->Attach(&context);
    Serve(*stream);
    context.TryCancel();
    stream->Finish();
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
    if (mutex_.AwaitWithTimeout(absl::Condition(&closing_), kRetry)) return;
  }
}

void FakeLink::Serve(Stream& stream) {
  v1::AttachRequest request;
  v1::WorkerHello& hello = *request.mutable_hello();
  hello.set_job_id(flags_.job);
  hello.set_attempt(flags_.attempt);
  hello.set_token(flags_.token);
  hello.set_pid(getpid());
  hello.set_version("fake");
  if (!stream.Write(request)) return;
  std::thread reader([this, &stream] { Read(stream); });
  while (NextEvent(request) && stream.Write(request)) {
  }
  {
    absl::MutexLock lock(&mutex_);
    context_->TryCancel();
  }
  reader.join();
}

void FakeLink::Read(Stream& stream) {
  v1::AttachResponse response;
  while (stream.Read(&response)) Take(response);
  absl::MutexLock lock(&mutex_);
  is_broken_ = true;
}

void FakeLink::Take(const v1::AttachResponse& response) {
  if (response.has_fenced()) {
    printf("fenced: %s\n", response.fenced().message().c_str());
    fflush(stdout);
    _exit(kExitFenced);
  }
  v1::WorkerCommand::Kind command = response.has_welcome()
                                        ? response.welcome().command().kind()
                                        : response.command().kind();
  if (command == v1::WorkerCommand::KIND_SAVE_AND_STOP) state_ = true;
  if (command == v1::WorkerCommand::KIND_STOP || state_) stop_ = true;
  absl::MutexLock lock(&mutex_);
  if (response.has_ack()) acknowledged_ = response.ack().sequence();
  if (!response.has_welcome()) return;
  welcome_ = response.welcome();
  next_ = welcome_.want_from_sequence();
  acknowledged_ = next_ - 1;
  is_welcome_ = is_attached_ = true;
}

bool FakeLink::NextEvent(v1::AttachRequest& request) {
  absl::MutexLock lock(&mutex_);
  auto ready = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return closing_ || is_broken_ ||
           (is_attached_ && next_ <= static_cast<int64_t>(events_.size()));
  };
  mutex_.Await(absl::Condition(&ready));
  if (closing_ || is_broken_) return false;
  *request.mutable_event() = events_[static_cast<size_t>(next_++ - 1)];
  return true;
}

}  // namespace atelier::testing
