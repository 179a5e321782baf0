#include "server/metrics/job_counts.h"

#include <utility>

#include "prometheus/metric_family.h"

#include "proto/cc/enum_name.h"
#include "server/metrics/metric_table.h"

namespace atelier::server {
namespace {

prometheus::MetricFamily FamilyOf(Metric metric, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = RowOf(metric).name;
  family.help = RowOf(metric).help;
  family.type = type;
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> JobCounts::Collect() const {
  prometheus::MetricFamily jobs =
      FamilyOf(Metric::kJobs, prometheus::MetricType::Gauge);
  const auto counts = store_.CountJobs();
  if (!counts.ok()) {
    ++errors_;
  } else {
    for (const JobCount& count : *counts) {
      prometheus::ClientMetric point;
      point.label.push_back({"state", EnumName(count.state)});
      point.label.push_back({"reason", EnumName(count.reason)});
      point.gauge.value = static_cast<double>(count.count);
      jobs.metric.push_back(std::move(point));
    }
  }
  prometheus::MetricFamily errors =
      FamilyOf(Metric::kCollectErrors, prometheus::MetricType::Counter);
  prometheus::ClientMetric point;
  point.counter.value = static_cast<double>(errors_.load());
  errors.metric.push_back(std::move(point));
  return {std::move(jobs), std::move(errors)};
}

}  // namespace atelier::server
