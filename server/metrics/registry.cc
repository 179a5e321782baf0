#include "server/metrics/registry.h"

#include <sqlite3.h>

#include <map>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/job_state.h"
#include "server/metrics/job_counts.h"
#include "server/metrics/metric_table.h"
#include "server/metrics/running_jobs.h"

namespace atelier::server {
namespace {

using CounterFamily = prometheus::Family<prometheus::Counter>;
using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using HistogramFamily = prometheus::Family<prometheus::Histogram>;
using Buckets = prometheus::Histogram::BucketBoundaries;

// 1 s to 7 days.
const Buckets& WaitBuckets() {
  static const auto& buckets =
      *new Buckets{1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400, 604800};
  return buckets;
}

// A tiny model's step on a GPU to a large one's on the CPU.
const Buckets& StepBuckets() {
  static const auto& buckets =
      *new Buckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                   2.5,   5,    10,    25,   50,  100,  250};
  return buckets;
}

const Buckets& CallBuckets() {
  static const auto& buckets =
      *new Buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                   0.1,    0.25,  0.5,    1,     2.5,  5,     10};
  return buckets;
}

double SecondsOf(absl::Duration duration) {
  return absl::ToDoubleSeconds(duration);
}

template <typename Builder>
auto& AddFamily(Builder builder, Metric metric,
                prometheus::Registry& registry) {
  return builder.Name(RowOf(metric).name)
      .Help(RowOf(metric).help)
      .Register(registry);
}

// Time by user, of which the first so many have a series of their own.
class UserSeconds {
 public:
  explicit UserSeconds(CounterFamily& family) : family_(family) {}

  void Add(const std::string& user, double seconds) {
    absl::MutexLock lock(&mutex_);
    const bool is_named = users_.size() < kMaxUsers || users_.count(user) > 0;
    if (is_named) users_.insert(user);
    family_.Add({{"user", is_named ? user : "others"}}).Increment(seconds);
  }

 private:
  static constexpr size_t kMaxUsers = 100;
  CounterFamily& family_;
  absl::Mutex mutex_;
  std::set<std::string> users_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

struct Metrics::Families {
  explicit Families(const JobStore& store)
      : counts(std::make_shared<JobCounts>(store)) {}

  CounterFamily& Counters(Metric metric) {
    return AddFamily(prometheus::BuildCounter(), metric, *registry);
  }
  GaugeFamily& Gauges(Metric metric) {
    return AddFamily(prometheus::BuildGauge(), metric, *registry);
  }
  HistogramFamily& Histograms(Metric metric) {
    return AddFamily(prometheus::BuildHistogram(), metric, *registry);
  }

  // The registry answers for a family that is there already: a family is looked
  // up by name, a series by its labels.
  std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>(
          prometheus::Registry::InsertBehavior::Merge);
  std::shared_ptr<RunningJobs> running = std::make_shared<RunningJobs>();
  std::shared_ptr<JobCounts> counts;
  std::shared_ptr<DeviceMetrics> devices;

  prometheus::Counter& submitted = Counters(Metric::kJobsSubmitted).Add({});
  CounterFamily& finished = Counters(Metric::kJobsFinished);
  CounterFamily& attempts = Counters(Metric::kAttempts);
  prometheus::Counter& retries = Counters(Metric::kRetries).Add({});
  prometheus::Counter& adopted = Counters(Metric::kAdopted).Add({});
  prometheus::Counter& fenced = Counters(Metric::kWorkersFenced).Add({});
  prometheus::Counter& nonfinite = Counters(Metric::kNonfinite).Add({});
  prometheus::Counter& checkpoints = Counters(Metric::kCheckpoints).Add({});
  prometheus::Counter& samples = Counters(Metric::kSamples).Add({});
  CounterFamily& requests = Counters(Metric::kRequests);
  GaugeFamily& streams = Gauges(Metric::kStreams);
  prometheus::Gauge& draining = Gauges(Metric::kDraining).Add({});
  HistogramFamily& queued = Histograms(Metric::kQueueSeconds);
  prometheus::Counter& preempted = Counters(Metric::kPreemptions).Add({});
  prometheus::Counter& backfilled = Counters(Metric::kBackfills).Add({});
  UserSeconds user_seconds{Counters(Metric::kUserDeviceSeconds)};
  prometheus::Histogram& pass =
      Histograms(Metric::kSchedulerPass).Add({}, CallBuckets());
  prometheus::Histogram& step =
      Histograms(Metric::kStepSeconds).Add({}, StepBuckets());
  prometheus::Histogram& data_wait =
      Histograms(Metric::kDataWaitSeconds).Add({}, StepBuckets());
  HistogramFamily& phases = Histograms(Metric::kPhaseSeconds);
  HistogramFamily& calls = Histograms(Metric::kRequestSeconds);
  prometheus::Histogram& commits =
      Histograms(Metric::kCommitSeconds).Add({}, CallBuckets());

  void OnStep(const v1::StepEvent& event) {
    step.Observe(event.step_seconds());
    data_wait.Observe(event.data_wait_seconds());
    if (event.skipped()) nonfinite.Increment();
    for (const auto& [phase, seconds] : event.phase_seconds()) {
      phases.Add({{"phase", phase}}, StepBuckets()).Observe(seconds);
    }
  }

  void OnState(const v1::StateEvent& event) {
    if (event.state() == v1::JOB_STATE_PENDING &&
        event.reason() == v1::JOB_REASON_BACKOFF) {
      retries.Increment();
    }
    if (!IsTerminal(event.state())) return;
    finished
        .Add({{"state", EnumName(event.state())},
              {"reason", EnumName(event.reason())}})
        .Increment();
  }
};

Metrics::Metrics(const JobStore& jobs_view, const Clock& clock)
    : families_(std::make_unique<Families>(jobs_view)) {
  families_->Gauges(Metric::kBuildInfo)
      .Add({{"version", ATELIER_VERSION}, {"sqlite", sqlite3_libversion()}})
      .Set(1);
  families_->Gauges(Metric::kStartTime)
      .Add({})
      .Set(absl::ToDoubleSeconds(clock.Now() - absl::UnixEpoch()));
}

Metrics::~Metrics() = default;

void Metrics::OnEvents(JobId job, absl::Span<const v1::Event> events) {
  for (const v1::Event& event : events) {
    families_->running->OnEvent(job, event);
    if (event.has_step_done()) families_->OnStep(event.step_done());
    if (event.has_state()) families_->OnState(event.state());
    if (event.has_checkpoint()) families_->checkpoints.Increment();
    if (event.has_sample()) families_->samples.Increment();
  }
}

void Metrics::CallDone(absl::string_view method, absl::string_view code,
                       absl::Duration duration) {
  families_->requests
      .Add({{"method", std::string(method)}, {"code", std::string(code)}})
      .Increment();
  families_->calls.Add({{"method", std::string(method)}}, CallBuckets())
      .Observe(SecondsOf(duration));
}

void Metrics::StreamChanged(absl::string_view method, int change) {
  families_->streams.Add({{"method", std::string(method)}}).Increment(change);
}

void Metrics::Submitted() { families_->submitted.Increment(); }

void Metrics::AttemptStarted(absl::Duration queued, int priority,
                             bool is_backfill) {
  const char* name = priority < 0 ? "low" : priority > 0 ? "high" : "normal";
  families_->queued.Add({{"priority", name}}, WaitBuckets())
      .Observe(SecondsOf(queued));
  if (is_backfill) families_->backfilled.Increment();
}

void Metrics::Preempted() { families_->preempted.Increment(); }

void Metrics::DevicesUsed(const std::string& user, double device_seconds) {
  families_->user_seconds.Add(user, device_seconds);
}

void Metrics::AttemptDone(v1::AttemptOutcome outcome, v1::JobReason reason) {
  families_->attempts
      .Add({{"outcome", EnumName(outcome)}, {"reason", EnumName(reason)}})
      .Increment();
}

void Metrics::WorkerAdopted() { families_->adopted.Increment(); }

void Metrics::WorkerFenced() { families_->fenced.Increment(); }

void Metrics::WorkerMemory(JobId job, int64_t resident_bytes) {
  families_->running->WorkerMemory(job, resident_bytes);
}

void Metrics::CommitDone(absl::Duration duration) {
  families_->commits.Observe(SecondsOf(duration));
}

void Metrics::SchedulerPass(absl::Duration duration) {
  families_->pass.Observe(SecondsOf(duration));
}

void Metrics::SetDraining(bool draining) {
  families_->draining.Set(draining ? 1 : 0);
}

void Metrics::ShowDevices(std::function<DeviceScrape()> source) {
  families_->devices = std::make_shared<DeviceMetrics>(std::move(source));
}

std::vector<std::shared_ptr<prometheus::Collectable>> Metrics::Collectables()
    const {
  std::vector<std::shared_ptr<prometheus::Collectable>> all = {
      families_->registry, families_->running, families_->counts};
  if (families_->devices != nullptr) all.push_back(families_->devices);
  return all;
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> all;
  for (const auto& collectable : Collectables()) {
    for (auto& family : collectable->Collect())
      all.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace atelier::server
