#include "server/gpu/gpu_watch.h"

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Reads at once, fails or hangs, as it is told.
class FakeSource : public GpuSource {
 public:
  absl::StatusOr<GpuReport> Read() override {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](FakeSource* self)
             ABSL_NO_THREAD_SAFETY_ANALYSIS { return !self->hangs_; },
        this));
    if (!failure_.ok()) return failure_;
    GpuReport report;
    report.read_time = absl::FromUnixSeconds(++reads_);
    return report;
  }
  std::vector<GpuFault> AwaitFaults(absl::Duration limit) override {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(
        absl::Condition(
            +[](FakeSource* self) ABSL_NO_THREAD_SAFETY_ANALYSIS {
              return !self->faults_.empty();
            },
            this),
        std::min(limit, absl::Milliseconds(50)));
    return std::exchange(faults_, {});
  }

  void Set(bool hangs, absl::Status failure = absl::OkStatus()) {
    absl::MutexLock lock(&mutex_);
    hangs_ = hangs;
    failure_ = std::move(failure);
  }
  void AddFault(const GpuFault& fault) {
    absl::MutexLock lock(&mutex_);
    faults_.push_back(fault);
  }

 private:
  absl::Mutex mutex_;
  bool hangs_ = false;
  absl::Status failure_;
  int64_t reads_ = 0;
  std::vector<GpuFault> faults_;
};

class GpuWatchTest : public ::testing::Test {
 protected:
  void Start(absl::Duration interval) {
    watch_ = std::make_unique<GpuWatch>(
        GpuWatchOptions{interval, absl::Milliseconds(200)}, source_,
        [this](const GpuNews& news) {
          absl::MutexLock lock(&mutex_);
          news_.push_back(news);
        });
  }
  // Waits for news of that kind.
  GpuNews Await(const std::function<bool(const GpuNews&)>& is_it) {
    absl::MutexLock lock(&mutex_);
    GpuNews found;
    const auto came = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      for (const GpuNews& news : news_)
        if (is_it(news)) found = news;
      return is_it(found);
    };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&came), kPatience));
    return found;
  }

  std::shared_ptr<FakeSource> source_ = std::make_shared<FakeSource>();
  absl::Mutex mutex_;
  std::vector<GpuNews> news_;
  std::unique_ptr<GpuWatch> watch_;
};

TEST_F(GpuWatchTest, ReadsAgainAndAgain) {
  Start(absl::Milliseconds(1));
  Await([](const GpuNews& news) {
    return news.report.read_time >= absl::FromUnixSeconds(3);
  });
}

TEST_F(GpuWatchTest, HangIsToldAndOverWhenTheDriverAnswers) {
  source_->Set(true);
  Start(absl::Milliseconds(1));
  watch_->AwaitFirst();
  const GpuNews hung =
      Await([](const GpuNews& news) { return !news.trouble.empty(); });
  EXPECT_THAT(hung.trouble, HasSubstr("has not answered for 200ms"));
  EXPECT_EQ(hung.failures, 1);
  source_->Set(false);
  Await([](const GpuNews& news) {
    return news.failures == 1 && news.trouble.empty();
  });
}

TEST_F(GpuWatchTest, EndsWhileTheDriverHangs) {
  source_->Set(true);
  Start(absl::Milliseconds(1));
  watch_->AwaitFirst();
  watch_.reset();
  source_->Set(false);
}

TEST_F(GpuWatchTest, ErrorIsToldInTheDriversWords) {
  source_->Set(false, absl::UnavailableError("nvmlInit: no driver"));
  Start(absl::Milliseconds(1));
  Await([](const GpuNews& news) {
    return news.trouble == "nvmlInit: no driver";
  });
}

TEST_F(GpuWatchTest, FaultIsToldAtOnceAndOnce) {
  Start(absl::Hours(1));
  Await([](const GpuNews& news) {
    return news.report.read_time == absl::FromUnixSeconds(1);
  });
  source_->AddFault({"GPU-a", 79, absl::FromUnixSeconds(9)});
  const GpuNews news =
      Await([](const GpuNews& each) { return !each.faults.empty(); });
  EXPECT_EQ(news.faults[0].xid, 79);
  // What became of the device is read without waiting for the next turn.
  Await([](const GpuNews& each) {
    return each.report.read_time == absl::FromUnixSeconds(2);
  });
  absl::MutexLock lock(&mutex_);
  size_t told = 0;
  for (const GpuNews& each : news_) told += each.faults.size();
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace atelier::server
