#include "server/metrics/running_jobs.h"

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "prometheus/metric_family.h"

#include "server/metrics/metric_table.h"

namespace atelier::server {
namespace {

double Seconds(const google::protobuf::Timestamp& time) {
  return static_cast<double>(time.seconds()) + time.nanos() * 1e-9;
}

bool Runs(v1::JobState state) {
  return state == v1::JOB_STATE_STARTING || state == v1::JOB_STATE_RUNNING ||
         state == v1::JOB_STATE_STOPPING;
}

}  // namespace

void RunningJobs::OnEvent(JobId job, const v1::Event& event) {
  absl::MutexLock lock(&mutex_);
  if (event.has_state() && !Runs(event.state().state())) {
    jobs_.erase(job);
    return;
  }
  Numbers& numbers = jobs_[job];
  numbers.last_progress = Seconds(event.time());
  if (event.has_validation() && event.validation().rows_size() > 0) {
    numbers.validation_loss = event.validation().rows(0).loss();
    numbers.has_validation = true;
  }
  if (!event.has_step_done()) return;
  numbers.step_done = event.step_done();
  numbers.step = static_cast<double>(event.step());
  numbers.has_step = true;
}

void RunningJobs::WorkerMemory(JobId job, int64_t resident_bytes) {
  absl::MutexLock lock(&mutex_);
  const auto found = jobs_.find(job);
  // A heartbeat that arrives after the end brings nothing back.
  if (found == jobs_.end()) return;
  found->second.resident_bytes = static_cast<double>(resident_bytes);
}

std::vector<prometheus::MetricFamily> RunningJobs::Collect() const {
  using Value = std::function<double(const Numbers&)>;
  const std::pair<Metric, Value> of_steps[] = {
      {Metric::kStep, [](const Numbers& n) { return n.step; }},
      {Metric::kStepTarget,
       [](const Numbers& n) {
         return static_cast<double>(n.step_done.total_steps());
       }},
      {Metric::kLoss,
       [](const Numbers& n) { return n.step_done.smoothed_loss(); }},
      {Metric::kLearningRate,
       [](const Numbers& n) { return n.step_done.lr(); }},
      {Metric::kGradNorm,
       [](const Numbers& n) { return n.step_done.grad_norm(); }},
      {Metric::kValidationLoss,
       [](const Numbers& n) { return n.validation_loss; }},
      {Metric::kImagesPerSecond,
       [](const Numbers& n) { return n.step_done.images_per_second(); }},
      {Metric::kWorkerPeakMemory,
       [](const Numbers& n) {
         return static_cast<double>(n.step_done.host_peak_bytes());
       }},
      {Metric::kDevicePeakMemory,
       [](const Numbers& n) {
         return static_cast<double>(n.step_done.device_peak_bytes());
       }},
      {Metric::kSwapWait,
       [](const Numbers& n) { return n.step_done.swap_wait_seconds(); }},
      {Metric::kLastProgress, [](const Numbers& n) { return n.last_progress; }},
      {Metric::kWorkerMemory,
       [](const Numbers& n) { return n.resident_bytes; }},
  };
  std::vector<prometheus::MetricFamily> families;
  absl::MutexLock lock(&mutex_);
  for (const auto& [metric, value] : of_steps) {
    prometheus::MetricFamily family;
    family.name = RowOf(metric).name;
    family.help = RowOf(metric).help;
    family.type = prometheus::MetricType::Gauge;
    const bool needs_step =
        metric != Metric::kLastProgress && metric != Metric::kWorkerMemory;
    for (const auto& [job, numbers] : jobs_) {
      if (needs_step && !numbers.has_step) continue;
      if (metric == Metric::kValidationLoss && !numbers.has_validation) {
        continue;
      }
      prometheus::ClientMetric point;
      point.label.push_back({"job", absl::StrCat(job)});
      point.gauge.value = value(numbers);
      family.metric.push_back(std::move(point));
    }
    families.push_back(std::move(family));
  }
  families.push_back(CollectParts());
  return families;
}

prometheus::MetricFamily RunningJobs::CollectParts() const {
  prometheus::MetricFamily family;
  family.name = RowOf(Metric::kDevicePartMemory).name;
  family.help = RowOf(Metric::kDevicePartMemory).help;
  family.type = prometheus::MetricType::Gauge;
  for (const auto& [job, numbers] : jobs_) {
    for (const auto& [part, bytes] : numbers.step_done.device_part_bytes()) {
      prometheus::ClientMetric point;
      point.label.push_back({"job", absl::StrCat(job)});
      point.label.push_back({"part", part});
      point.gauge.value = static_cast<double>(bytes);
      family.metric.push_back(std::move(point));
    }
  }
  return family;
}

}  // namespace atelier::server
