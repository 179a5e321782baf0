// A server stream that is fed from the pool: one write at a time, woken from
// outside, ended from anywhere, never blocking who feeds it.
//
//   Pump (pool) ── messages → write … write ─┐
//     ▲   └── none → idle ── Wake, timer ────┤
//     └──────────────────────────────────────┘
//
// What one pump gave is all that is in memory for a client. One that does not
// take a message within `slow_reader` gets UNAVAILABLE, SLOW_READER, behind it:
// the client can go on where it was by asking again. One that does not take
// that either is cut off.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/support/server_callback.h"
#include "spdlog/spdlog.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "server/api/call_context.h"
#include "server/api/pump.h"

namespace atelier::server {

template <typename Message>
class StreamWriter
    : public OpenStream,
      public std::enable_shared_from_this<StreamWriter<Message>> {
 public:
  using Wake = std::function<void()>;
  using MakePump =
      std::function<absl::StatusOr<std::unique_ptr<Pump<Message>>>(Wake)>;

  // Starts a stream, once the gate has let it in. `make_pump` runs on the pool;
  // it is given what makes the stream pump again, which may be called from any
  // thread at any time.
  template <typename Request>
  static grpc::ServerWriteReactor<Message>* Start(
      const CallContext& context, grpc::CallbackServerContext* call,
      absl::string_view method, const Request& request, MakePump make_pump) {
    std::shared_ptr<StreamWriter> writer(new StreamWriter(
        context, call, method, JobOf(request), std::move(make_pump)));
    auto* reactor = new Reactor(writer);
    writer->reactor_ = reactor;
    context.metrics.StreamChanged(method, +1);
    absl::Status room = writer->Enter();
    if (!room.ok())
      writer->End(room);
    else
      writer->PumpSoon(/*idled=*/false);
    return reactor;
  }

  void End(const absl::Status& status) override {
    absl::MutexLock lock(&mutex_);
    Finish(status);
  }

 private:
  // Belongs to gRPC until OnDone.
  class Reactor : public grpc::ServerWriteReactor<Message> {
   public:
    explicit Reactor(std::shared_ptr<StreamWriter> writer)
        : writer_(std::move(writer)) {}
    void OnWriteDone(bool ok) override { writer_->OnWriteDone(ok); }
    void OnCancel() override {
      writer_->End(absl::CancelledError("the client is gone"));
    }
    void OnDone() override {
      writer_->OnDone();
      delete this;
    }

   private:
    std::shared_ptr<StreamWriter> writer_;
  };

  StreamWriter(const CallContext& context, grpc::CallbackServerContext* call,
               absl::string_view method, std::optional<JobId> job,
               MakePump make_pump)
      : context_(context),
        call_(call),
        method_(method),
        begin_(context.clock.Now()),
        peer_(context.peer_of(*call)),
        job_(job),
        make_pump_(std::move(make_pump)) {}

  // Whether there is room for one more stream.
  absl::Status Enter() {
    CallLimits& limits = context_.gate.limits();
    absl::Status room = limits.TakeCall(LimitKey(peer_));
    if (room.ok()) room = limits.BeginStream(LimitKey(peer_));
    if (!room.ok()) return room;
    is_counted_ = true;
    return context_.streams.Add(this->shared_from_this()) ? absl::OkStatus()
                                                          : ShuttingDown();
  }

  void PumpSoon(bool idled) {
    context_.pool.Run([self = this->shared_from_this(), idled] {
      Pumped<Message> pumped = self->RunPump(idled);
      absl::MutexLock lock(&self->mutex_);
      self->Take(std::move(pumped));
    });
  }

  Pumped<Message> RunPump(bool idled) {
    absl::MutexLock lock(&pump_mutex_);
    if (is_done_) return EndWith<Message>(absl::OkStatus());
    if (pump_ == nullptr) {
      auto admitted = context_.gate.Admit(method_, peer_, job_);
      if (!admitted.ok()) return EndWith<Message>(admitted.status());
      // Whoever wakes must not keep the stream alive.
      auto pump = make_pump_([weak = this->weak_from_this()] {
        if (auto self = weak.lock()) self->OnWake(/*idled=*/false);
      });
      if (!pump.ok()) return EndWith<Message>(std::move(pump).status());
      pump_ = *std::move(pump);
    }
    return pump_->Next(idled);
  }

  void OnWake(bool idled) {
    absl::MutexLock lock(&mutex_);
    if (is_busy_) {
      is_woken_ = is_woken_ || !idled;
      return;
    }
    is_busy_ = true;
    PumpSoon(idled);
  }

  void Take(Pumped<Message> pumped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    queue_ = std::move(pumped.messages);
    end_ = std::move(pumped.end);
    if (!queue_.empty() || end_)
      WriteNext();
    else
      Rest(pumped.idle);
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    if (!queue_.empty()) {
      current_ = std::move(queue_.front());
      queue_.pop_front();
      is_writing_ = true;
      ++writes_;
      reactor_->StartWrite(&current_);
      if (look_ == nullptr) LookLater();
    } else if (end_) {
      Finish(*end_);
    } else {
      PumpSoon(/*idled=*/false);
    }
  }

  void Rest(absl::Duration idle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    if (std::exchange(is_woken_, false)) return PumpSoon(/*idled=*/false);
    is_busy_ = false;
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(absl::ToChronoTime(absl::Now() + idle),
                [weak = this->weak_from_this()](bool came) {
                  auto self = came ? weak.lock() : nullptr;
                  if (self != nullptr) self->OnWake(/*idled=*/true);
                });
  }

  // Sees to it that somebody looks whether the write under way gets anywhere.
  void LookLater() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    watched_write_ = writes_;
    look_ = std::make_unique<grpc::Alarm>();
    look_->Set(absl::ToChronoTime(absl::Now() + context_.slow_reader),
               [weak = this->weak_from_this()](bool came) {
                 auto self = came ? weak.lock() : nullptr;
                 if (self != nullptr) self->OnLook();
               });
  }

  void OnLook() {
    absl::MutexLock lock(&mutex_);
    if (is_gone_) return;
    const bool is_stuck = is_writing_ && watched_write_ == writes_;
    if (is_stuck && finished_) return call_->TryCancel();
    if (is_stuck) EndSlowReader();
    if (is_writing_)
      LookLater();
    else
      look_.reset();
  }

  void EndSlowReader() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::string why = absl::StrCat(
        "nothing was read for ", absl::FormatDuration(context_.slow_reader));
    spdlog::info("{} of {}: {}; it is ended", std::string(method_),
                 LimitKey(peer_), why);
    Finish(MakeError(absl::StatusCode::kUnavailable, reasons::kSlowReader,
                     absl::StrCat(why, "; ask again from where you are")));
  }

  void OnWriteDone(bool ok) {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    if (ok)
      WriteNext();
    else
      Finish(absl::CancelledError("the client is gone"));
  }

  void OnDone() {
    {
      absl::MutexLock lock(&mutex_);
      is_gone_ = true;
      look_.reset();
    }
    if (is_counted_) context_.gate.limits().EndStream(LimitKey(peer_));
    context_.streams.Remove(this);
    context_.metrics.StreamChanged(method_, -1);
    // What the pump holds may not be let go on whatever thread this is.
    context_.pool.Run([self = this->shared_from_this()] {
      absl::MutexLock lock(&self->pump_mutex_);
      self->is_done_ = true;
      self->pump_.reset();
    });
  }

  void Finish(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (std::exchange(finished_, true)) return;
    alarm_.reset();
    reactor_->Finish(EndCall(context_, method_, begin_, status));
  }

  const CallContext context_;
  // Not used once gone.
  grpc::CallbackServerContext* const call_;
  const absl::string_view method_;
  const absl::Time begin_;
  const CallPeer peer_;
  const std::optional<JobId> job_;
  // Set before gRPC knows the stream.
  bool is_counted_ = false;
  const MakePump make_pump_;

  // Taken before mutex_, never while it is held.
  absl::Mutex pump_mutex_;
  std::unique_ptr<Pump<Message>> pump_ ABSL_GUARDED_BY(pump_mutex_);
  bool is_done_ ABSL_GUARDED_BY(pump_mutex_) = false;

  absl::Mutex mutex_;
  // Not used once finished.
  Reactor* reactor_ = nullptr;
  // A pump or a write is under way.
  bool is_busy_ ABSL_GUARDED_BY(mutex_) = true;
  bool is_woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_gone_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  // How many were begun, and which one the alarm looks after.
  int64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t watched_write_ ABSL_GUARDED_BY(mutex_) = 0;
  // Being written.
  Message current_ ABSL_GUARDED_BY(mutex_);
  std::deque<Message> queue_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  // Of the rest, and of the look at the write.
  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> look_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
