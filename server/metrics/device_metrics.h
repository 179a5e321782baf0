// Numbers of the GPUs, made anew at every scrape: a GPU that is gone is gone
// from the next one on.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "prometheus/collectable.h"

#include "atelier/v1/device.pb.h"

namespace atelier::server {

struct DeviceScrape {
  v1::ListDevicesResponse listed;
  // By UUID, since the driver was loaded.
  std::map<std::string, double> energy_joules;
  // Readings of the driver that failed or hung, and how long the last one that
  // came through took.
  double failures = 0;
  double read_seconds = 0;
};

// Threads: any.
class DeviceMetrics : public prometheus::Collectable {
 public:
  using Source = std::function<DeviceScrape()>;
  explicit DeviceMetrics(Source source) : source_(std::move(source)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Source source_;
};

}  // namespace atelier::server
