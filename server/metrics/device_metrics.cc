#include "server/metrics/device_metrics.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "prometheus/metric_family.h"

#include "proto/cc/enum_name.h"
#include "server/metrics/metric_table.h"

namespace atelier::server {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// The families of a scrape, in the order of their first point.
class Page {
 public:
  void Add(Metric metric, Labels labels, double value) {
    prometheus::ClientMetric point;
    point.label = std::move(labels);
    const bool is_counter = RowOf(metric).type == MetricType::kCounter;
    (is_counter ? point.counter.value : point.gauge.value) = value;
    Family(metric).metric.push_back(std::move(point));
  }
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  prometheus::MetricFamily& Family(Metric metric) {
    const MetricRow& row = RowOf(metric);
    for (prometheus::MetricFamily& family : families_)
      if (family.name == row.name) return family;
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = row.name;
    family.help = row.help;
    family.type = row.type == MetricType::kCounter
                      ? prometheus::MetricType::Counter
                      : prometheus::MetricType::Gauge;
    return family;
  }

  std::vector<prometheus::MetricFamily> families_;
};

constexpr v1::DeviceAvailability kStates[] = {
    v1::DEVICE_AVAILABILITY_FREE,    v1::DEVICE_AVAILABILITY_LEASED,
    v1::DEVICE_AVAILABILITY_OUTSIDE, v1::DEVICE_AVAILABILITY_UNHEALTHY,
    v1::DEVICE_AVAILABILITY_DRAINED, v1::DEVICE_AVAILABILITY_UNKNOWN};
constexpr const char* kThrottleReasons[] = {"power_cap", "hardware_slowdown",
                                            "software_thermal",
                                            "hardware_thermal", "power_brake"};

void AddStates(const v1::DeviceInfo& gpu, const Labels& labels, Page* page) {
  for (const v1::DeviceAvailability state : kStates) {
    Labels with_state = labels;
    with_state.push_back({"state", absl::AsciiStrToLower(EnumName(state))});
    page->Add(Metric::kGpuState, std::move(with_state),
              gpu.availability() == state ? 1 : 0);
  }
}

// Heat, power and faults are the whole GPU's, not its parts'.
void AddHealth(const v1::DeviceInfo& gpu, const Labels& labels, Page* page) {
  if (gpu.has_temperature_celsius())
    page->Add(Metric::kGpuTemperature, labels, gpu.temperature_celsius());
  if (gpu.has_power_watts())
    page->Add(Metric::kGpuPower, labels, gpu.power_watts());
  if (gpu.has_power_limit_watts())
    page->Add(Metric::kGpuPowerLimit, labels, gpu.power_limit_watts());
  if (gpu.has_utilization())
    page->Add(Metric::kGpuUtilization, labels, gpu.utilization());
  if (gpu.has_ecc_uncorrected())
    page->Add(Metric::kGpuEccUncorrected, labels,
              static_cast<double>(gpu.ecc_uncorrected()));
  page->Add(Metric::kGpuXidErrors, labels, gpu.faults_size());
  for (const char* reason : kThrottleReasons) {
    Labels with_reason = labels;
    with_reason.push_back({"reason", reason});
    const bool is_so = std::count(gpu.throttle_reasons().begin(),
                                  gpu.throttle_reasons().end(), reason) > 0;
    page->Add(Metric::kGpuThrottled, std::move(with_reason), is_so ? 1 : 0);
  }
}

void AddGpu(const v1::DeviceInfo& gpu, const std::string& driver, Page* page) {
  const Labels labels = {{"gpu", gpu.id()}};
  const bool is_part = !gpu.parent_id().empty();
  page->Add(Metric::kGpuInfo,
            {{"gpu", gpu.id()},
             {"index", absl::StrCat(gpu.index())},
             {"name", gpu.model()},
             {"driver", driver},
             {"mig", is_part ? "true" : "false"}},
            1);
  AddStates(gpu, labels, page);
  page->Add(Metric::kGpuMemoryUsed, labels,
            static_cast<double>(gpu.memory_used_bytes()));
  page->Add(Metric::kGpuMemoryTotal, labels,
            static_cast<double>(gpu.memory_total_bytes()));
  const auto outside =
      std::count_if(gpu.processes().begin(), gpu.processes().end(),
                    [](const v1::DeviceProcess& process) {
                      return process.job_id() == 0 && !process.is_ignored();
                    });
  page->Add(Metric::kGpuOutsideProcesses, labels, static_cast<double>(outside));
  page->Add(Metric::kGpuOutsideMemory, labels,
            static_cast<double>(gpu.outside_memory_bytes()));
  if (!is_part) AddHealth(gpu, labels, page);
}

}  // namespace

std::vector<prometheus::MetricFamily> DeviceMetrics::Collect() const {
  const DeviceScrape scrape = source_();
  Page page;
  for (const v1::DeviceInfo& device : scrape.listed.devices())
    if (device.type() == v1::DEVICE_TYPE_GPU)
      AddGpu(device, scrape.listed.driver_version(), &page);
  for (const auto& [gpu, joules] : scrape.energy_joules)
    page.Add(Metric::kGpuEnergy, {{"gpu", gpu}}, joules);
  page.Add(Metric::kNvmlErrors, {}, scrape.failures);
  page.Add(Metric::kNvmlCollection, {}, scrape.read_seconds);
  return page.Take();
}

}  // namespace atelier::server
