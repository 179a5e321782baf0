#include "tests/bench/daemon_load/watchers.h"

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/time_util.h"

namespace atelier::bench {
namespace {

using google::protobuf::util::TimeUtil;

// HTTP/2 servers allow about a hundred streams on a connection.
constexpr int kStreamsOfAConnection = 50;

}  // namespace

class Watchers::Stream : public grpc::ClientReadReactor<v1::WatchJobResponse> {
 public:
  Stream(v1::JobService::Stub& jobs, int64_t job) {
    request_.set_id(job);
    jobs.async()->WatchJob(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      if (!begun_.HasBeenNotified()) begun_.Notify();
      return;
    }
    if (response_.has_event()) Take(response_.event());
    StartRead(&response_);
  }

  void OnDone(const grpc::Status&) override { done_.Notify(); }

  absl::Notification begun_;
  absl::Notification done_;
  WatchResult result_;

 private:
  void Take(const v1::Event& event) {
    if (!begun_.HasBeenNotified()) begun_.Notify();
    if (!event.has_step_done()) return;
    if (event.step() != next_++) return;
    ++result_.received;
    result_.seconds.push_back(
        static_cast<double>(absl::GetCurrentTimeNanos() -
                            TimeUtil::TimestampToNanoseconds(event.time())) /
        1e9);
  }

  grpc::ClientContext context_;
  v1::WatchJobRequest request_;
  v1::WatchJobResponse response_;
  int64_t next_ = 1;
};

Watchers::Watchers(const LoadDaemon& daemon, int64_t job, int count) {
  for (int i = 0; i < count; ++i) {
    if (i % kStreamsOfAConnection == 0) stubs_.push_back(daemon.Jobs());
    streams_.push_back(std::make_unique<Stream>(*stubs_.back(), job));
  }
  for (const auto& stream : streams_) stream->begun_.WaitForNotification();
}

Watchers::~Watchers() = default;

WatchResult Watchers::Await() {
  WatchResult all;
  for (const auto& stream : streams_) {
    stream->done_.WaitForNotification();
    all.received += stream->result_.received;
    all.seconds.insert(all.seconds.end(), stream->result_.seconds.begin(),
                       stream->result_.seconds.end());
  }
  return all;
}

}  // namespace atelier::bench
