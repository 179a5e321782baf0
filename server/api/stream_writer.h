// A server stream that is fed from the pool: one write at a time, woken from
// outside, ended from anywhere, never blocking who feeds it.
//
//   Pump (pool) ── messages → write … write ─┐
//     ▲   └── none → idle ── Wake, timer ────┤
//     └──────────────────────────────────────┘
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/support/server_callback.h"

#include "server/api/call_context.h"

namespace atelier::server {

// What a pump gives.
template <typename Message>
struct Pumped {
  std::deque<Message> messages;
  // Set: the stream ends after the messages.
  std::optional<absl::Status> end;
  // Without messages and end: pump again after this time at the latest.
  absl::Duration idle = absl::InfiniteDuration();
};

// Makes the messages of one stream. Threads: the pool's, one call at a time.
template <typename Message>
class Pump {
 public:
  virtual ~Pump() = default;
  // `idled`: the time that the last pump gave is over. Blocks: may.
  virtual Pumped<Message> Next(bool idled) = 0;
};

// A pump that only says why there is nothing.
template <typename Message>
Pumped<Message> EndWith(absl::Status status) {
  Pumped<Message> result;
  result.end = std::move(status);
  return result;
}

template <typename Message>
class StreamWriter
    : public OpenStream,
      public std::enable_shared_from_this<StreamWriter<Message>> {
 public:
  using Wake = std::function<void()>;
  using MakePump =
      std::function<absl::StatusOr<std::unique_ptr<Pump<Message>>>(Wake)>;

  // Starts a stream. `make_pump` runs on the pool; it is given what makes the
  // stream pump again, which may be called from any thread at any time.
  static grpc::ServerWriteReactor<Message>* Start(const CallContext& context,
                                                  absl::string_view method,
                                                  MakePump make_pump) {
    std::shared_ptr<StreamWriter> writer(
        new StreamWriter(context, method, std::move(make_pump)));
    auto* reactor = new Reactor(writer);
    writer->reactor_ = reactor;
    context.metrics.StreamChanged(method, +1);
    if (context.streams.Add(writer))
      writer->PumpSoon(/*idled=*/false);
    else
      writer->End(ShuttingDown());
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

  StreamWriter(const CallContext& context, absl::string_view method,
               MakePump make_pump)
      : context_(context),
        method_(method),
        begin_(context.clock.Now()),
        make_pump_(std::move(make_pump)) {}

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
      reactor_->StartWrite(&current_);
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

  void OnWriteDone(bool ok) {
    absl::MutexLock lock(&mutex_);
    if (ok)
      WriteNext();
    else
      Finish(absl::CancelledError("the client is gone"));
  }

  void OnDone() {
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
  const absl::string_view method_;
  const absl::Time begin_;
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
  // Being written.
  Message current_ ABSL_GUARDED_BY(mutex_);
  std::deque<Message> queue_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
