#include "server/api/worker_attachment.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/jobs/attempt_token.h"
#include "server/jobs/job_message.h"

namespace atelier::server {
namespace {

// Events between the stream and the disk, for each worker.
constexpr int kMaxUnstored = 512;
constexpr absl::string_view kAttachMethod = "Attach";

absl::Status Fenced(absl::string_view message) {
  return MakeError(absl::StatusCode::kPermissionDenied, reasons::kWorkerFenced,
                   message);
}

// The attempt that the hello names, if it is the one that runs.
absl::StatusOr<Attempt> FindAttempt(const Job& job,
                                    const v1::WorkerHello& hello) {
  if (job.attempts.empty() ||
      job.attempts.back().id.number != hello.attempt() ||
      job.attempts.back().end_time != absl::InfinitePast())
    return Fenced(absl::StrCat("attempt ", hello.attempt(), " of job ", job.id,
                               " is not the one that runs"));
  if (!TokenMatches(hello.token(), job.attempts.back().token_hash))
    return Fenced("the attempt's token is another");
  return job.attempts.back();
}

}  // namespace

// Belongs to gRPC until OnDone.
class WorkerAttachment::AttachReactor : public Reactor {
 public:
  explicit AttachReactor(std::shared_ptr<WorkerAttachment> attachment)
      : attachment_(std::move(attachment)) {}
  void OnReadDone(bool ok) override { attachment_->OnReadDone(ok); }
  void OnWriteDone(bool ok) override { attachment_->OnWriteDone(ok); }
  void OnCancel() override {
    attachment_->End(absl::CancelledError("the worker is gone"));
  }
  void OnDone() override {
    attachment_->OnDone();
    delete this;
  }

 private:
  std::shared_ptr<WorkerAttachment> attachment_;
};

WorkerAttachment::WorkerAttachment(const CallContext& context,
                                   const WorkerServiceParts& parts)
    : context_(context), parts_(parts), begin_(context.clock.Now()) {}

WorkerAttachment::Reactor* WorkerAttachment::Start(
    const CallContext& context, const WorkerServiceParts& parts) {
  std::shared_ptr<WorkerAttachment> attachment(
      new WorkerAttachment(context, parts));
  Reactor* reactor = new AttachReactor(attachment);
  context.metrics.StreamChanged(kAttachMethod, +1);
  bool may_stand = context.streams.Add(attachment);
  absl::MutexLock lock(&attachment->mutex_);
  attachment->reactor_ = reactor;
  if (may_stand)
    attachment->ReadMore();
  else
    attachment->Finish(ShuttingDown());
  return reactor;
}

void WorkerAttachment::ReadMore() {
  if (finished_ || is_reading_ || unstored_ >= kMaxUnstored) return;
  is_reading_ = true;
  reactor_->StartRead(&request_);
}

void WorkerAttachment::OnReadDone(bool ok) {
  AttemptId attempt;
  {
    absl::MutexLock lock(&mutex_);
    is_reading_ = false;
    if (!ok) return Finish(absl::OkStatus());
    attempt = attempt_;
    if (attempt.job == 0) return TakeHello();
    if (request_.has_event()) ++unstored_;
  }
  parts_.leases.Renew(attempt);
  if (request_.has_heartbeat())
    context_.metrics.WorkerMemory(attempt.job,
                                  request_.heartbeat().host_rss_bytes());
  if (request_.has_event()) {
    std::vector<v1::Event> events;
    events.push_back(std::move(*request_.mutable_event()));
    // Without the lock: the store may answer at once.
    parts_.store.AppendWorkerEvents(
        attempt, std::move(events),
        [self = shared_from_this()](absl::StatusOr<int64_t> durable) {
          self->OnStored(durable);
        });
  }
  absl::MutexLock lock(&mutex_);
  if (request_.has_heartbeat()) Acknowledge();
  ReadMore();
}

void WorkerAttachment::TakeHello() {
  if (!request_.has_hello() || std::exchange(greeted_, true))
    return Finish(MakeError(absl::StatusCode::kInvalidArgument,
                            reasons::kInvalidRequest,
                            "the first message must be a hello"));
  // The next message is read when the worker was admitted.
  context_.pool.Run([self = shared_from_this(), hello = request_.hello()] {
    self->Greet(hello);
  });
}

absl::StatusOr<v1::WorkerWelcome> WorkerAttachment::Admit(
    const v1::WorkerHello& hello) {
  ASSIGN_OR_RETURN(Job job, parts_.store.ReadJob(hello.job_id()));
  ASSIGN_OR_RETURN(Attempt attempt, FindAttempt(job, hello));
  // First connected, then its state read: a stop that comes between is sent
  // twice, never lost.
  parts_.registry.Connect(attempt.id, shared_from_this());
  ASSIGN_OR_RETURN(job, parts_.store.MarkRunning(attempt.id));
  v1::WorkerWelcome welcome;
  *welcome.mutable_spec() = job.spec;
  welcome.set_output_dir(job.output_dir);
  welcome.set_want_from_sequence(job.attempts.back().durable_sequence + 1);
  *welcome.mutable_lease_until() = ToTimestamp(parts_.leases.Renew(attempt.id));
  if (job.state == v1::JOB_STATE_STOPPING)
    welcome.mutable_command()->set_kind(StopCommand(job));
  welcome.set_continue_from_newest_state(attempt.id.number > 1);
  welcome.set_tokenizer_dir(parts_.tokenizer_dir);
  return welcome;
}

void WorkerAttachment::Greet(const v1::WorkerHello& hello) {
  absl::StatusOr<v1::WorkerWelcome> welcome = Admit(hello);
  absl::MutexLock lock(&mutex_);
  if (!welcome.ok()) {
    spdlog::warn("worker of job {} attempt {} (pid {}) refused: {}",
                 hello.job_id(), hello.attempt(), hello.pid(),
                 std::string(welcome.status().message()));
    bool is_over = absl::IsPermissionDenied(welcome.status()) ||
                   absl::IsAborted(welcome.status()) ||
                   absl::IsNotFound(welcome.status());
    return is_over ? FenceOff(std::string(welcome.status().message()))
                   : Finish(welcome.status());
  }
  attempt_ = {hello.job_id(), hello.attempt()};
  durable_ = welcome->want_from_sequence() - 1;
  v1::AttachResponse response;
  *response.mutable_welcome() = *std::move(welcome);
  Send(std::move(response));
  ReadMore();
}

void WorkerAttachment::OnStored(const absl::StatusOr<int64_t>& durable) {
  absl::MutexLock lock(&mutex_);
  --unstored_;
  if (absl::IsAborted(durable.status()))
    return FenceOff(std::string(durable.status().message()));
  // The worker connects again and resends.
  if (!durable.ok()) return Finish(durable.status());
  durable_ = std::max(durable_, *durable);
  Acknowledge();
  ReadMore();
}

void WorkerAttachment::Acknowledge() {
  v1::AttachResponse response;
  response.mutable_ack()->set_sequence(durable_);
  *response.mutable_ack()->mutable_lease_until() =
      ToTimestamp(parts_.leases.Renew(attempt_));
  // A newer acknowledgement says all that an older one did.
  if (!queue_.empty() && queue_.back().has_ack()) queue_.pop_back();
  Send(std::move(response));
}

void WorkerAttachment::SendCommand(v1::WorkerCommand::Kind kind) {
  v1::AttachResponse response;
  response.mutable_command()->set_kind(kind);
  absl::MutexLock lock(&mutex_);
  Send(std::move(response));
}

void WorkerAttachment::Fence() {
  absl::MutexLock lock(&mutex_);
  FenceOff("the attempt is over");
}

void WorkerAttachment::FenceOff(const std::string& message) {
  if (finished_ || end_) return;
  context_.metrics.WorkerFenced();
  v1::AttachResponse response;
  response.mutable_fenced()->set_message(message);
  Send(std::move(response));
  end_ = Fenced(message);
}

void WorkerAttachment::End(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  Finish(status);
}

void WorkerAttachment::Send(v1::AttachResponse response) {
  if (finished_ || end_) return;
  queue_.push_back(std::move(response));
  if (!is_writing_) WriteNext();
}

void WorkerAttachment::WriteNext() {
  is_writing_ = !queue_.empty();
  if (!is_writing_) {
    if (end_) Finish(*end_);
    return;
  }
  current_ = std::move(queue_.front());
  queue_.pop_front();
  reactor_->StartWrite(&current_);
}

void WorkerAttachment::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  if (ok)
    WriteNext();
  else
    Finish(absl::CancelledError("the worker is gone"));
}

void WorkerAttachment::Finish(const absl::Status& status) {
  if (std::exchange(finished_, true)) return;
  reactor_->Finish(EndCall(context_, kAttachMethod, begin_, status));
}

void WorkerAttachment::OnDone() {
  AttemptId attempt;
  {
    absl::MutexLock lock(&mutex_);
    attempt = attempt_;
  }
  context_.streams.Remove(this);
  context_.metrics.StreamChanged(kAttachMethod, -1);
  if (attempt.job != 0) parts_.registry.Disconnect(attempt, this);
}

}  // namespace atelier::server
