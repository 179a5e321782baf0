#include "server/gpu/gpu_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace atelier::server {
namespace {

// A reader that does not hang ends its wait for faults within that.
constexpr absl::Duration kFarewell = absl::Seconds(1);

}  // namespace

struct GpuWatch::Shared {
  explicit Shared(const GpuWatchOptions& watch_options)
      : options(watch_options) {}

  const GpuWatchOptions options;
  absl::Mutex mutex;
  bool is_stopping ABSL_GUARDED_BY(mutex) = false;
  bool is_reader_gone ABSL_GUARDED_BY(mutex) = false;
  // In the driver since then; infinite past: it is not.
  absl::Time call_time ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
  bool has_news ABSL_GUARDED_BY(mutex) = false;
  bool was_told ABSL_GUARDED_BY(mutex) = false;
  bool is_hanging ABSL_GUARDED_BY(mutex) = false;
  GpuNews news ABSL_GUARDED_BY(mutex);

  bool EnterDriver() {
    absl::MutexLock lock(&mutex);
    if (is_stopping) return false;
    call_time = absl::Now();
    return true;
  }
  void TakeReport(absl::StatusOr<GpuReport> report) {
    absl::MutexLock lock(&mutex);
    call_time = absl::InfinitePast();
    is_hanging = false;
    has_news = true;
    if (!report.ok()) ++news.failures;
    news.trouble = std::string(report.status().message());
    if (report.ok()) news.report = *std::move(report);
  }
  void TakeFaults(const std::vector<GpuFault>& faults) {
    absl::MutexLock lock(&mutex);
    call_time = absl::InfinitePast();
    if (faults.empty()) return;
    has_news = true;
    news.faults.insert(news.faults.end(), faults.begin(), faults.end());
  }
};

GpuWatch::GpuWatch(GpuWatchOptions options, std::shared_ptr<GpuSource> source,
                   std::function<void(const GpuNews&)> on_news)
    : options_(options),
      on_news_(std::move(on_news)),
      shared_(std::make_shared<Shared>(options)) {
  std::thread(ReadLoop, shared_, std::move(source)).detach();
  watcher_ = std::thread([this] { WatchLoop(); });
}

GpuWatch::~GpuWatch() {
  {
    absl::MutexLock lock(&shared_->mutex);
    shared_->is_stopping = true;
    shared_->mutex.AwaitWithTimeout(absl::Condition(&shared_->is_reader_gone),
                                    kFarewell);
  }
  watcher_.join();
}

void GpuWatch::ReadLoop(std::shared_ptr<Shared> shared,
                        std::shared_ptr<GpuSource> source) {
  while (shared->EnterDriver()) {
    shared->TakeReport(source->Read());
    const absl::Time next = absl::Now() + shared->options.interval;
    while (absl::Now() < next && shared->EnterDriver()) {
      const auto faults = source->AwaitFaults(next - absl::Now());
      shared->TakeFaults(faults);
      // What a fault did to the device is read at once.
      if (!faults.empty()) break;
    }
  }
  absl::MutexLock lock(&shared->mutex);
  shared->is_reader_gone = true;
}

void GpuWatch::WatchLoop() {
  Shared& shared = *shared_;
  absl::MutexLock lock(&shared.mutex);
  while (!shared.is_stopping) {
    const auto has_changed = [&shared]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return shared.is_stopping || shared.has_news;
    };
    absl::Time deadline = absl::Now() + options_.timeout;
    if (shared.call_time != absl::InfinitePast() && !shared.is_hanging)
      deadline = shared.call_time + options_.timeout;
    shared.mutex.AwaitWithDeadline(absl::Condition(&has_changed), deadline);
    if (shared.is_stopping) return;
    const bool hangs = shared.call_time != absl::InfinitePast() &&
                       absl::Now() >= shared.call_time + options_.timeout;
    const bool hangs_now = hangs && !shared.is_hanging;
    if (hangs_now) {
      shared.is_hanging = true;
      ++shared.news.failures;
      shared.news.trouble = absl::StrCat(
          "the GPU driver has not answered for ",
          absl::FormatDuration(absl::Trunc(absl::Now() - shared.call_time,
                                           absl::Milliseconds(100))));
    }
    if (!hangs_now && !shared.has_news) continue;
    shared.has_news = false;
    GpuNews news = shared.news;
    shared.news.faults.clear();
    shared.mutex.Unlock();
    on_news_(news);
    shared.mutex.Lock();
    shared.was_told = true;
  }
}

void GpuWatch::AwaitFirst() {
  absl::MutexLock lock(&shared_->mutex);
  shared_->mutex.AwaitWithTimeout(absl::Condition(&shared_->was_told),
                                  options_.timeout + kFarewell);
}

}  // namespace atelier::server
