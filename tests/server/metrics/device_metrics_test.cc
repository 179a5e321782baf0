#include "server/metrics/device_metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(DeviceMetricsTest, GpusHaveTheirNumbersAndSlotsHaveNone) {
  DeviceScrape scrape;
  scrape.listed.set_driver_version("550.54");
  scrape.listed.add_devices()->set_id("cpu:0");
  v1::DeviceInfo& gpu = *scrape.listed.add_devices();
  gpu.set_id("GPU-a");
  gpu.set_type(v1::DEVICE_TYPE_GPU);
  gpu.set_model("NVIDIA A100");
  gpu.set_availability(v1::DEVICE_AVAILABILITY_OUTSIDE);
  gpu.set_temperature_celsius(41);
  gpu.set_ecc_uncorrected(2);
  gpu.add_throttle_reasons("power_cap");
  gpu.add_processes()->set_pid(7);
  gpu.add_processes()->set_job_id(3);
  scrape.energy_joules["GPU-a"] = 5.5;
  scrape.failures = 1;
  bool is_there = true;
  const DeviceMetrics metrics(
      [&] { return is_there ? scrape : DeviceScrape(); });
  const std::string page =
      prometheus::TextSerializer().Serialize(metrics.Collect());
  for (const char* line :
       {"atelier_gpu_info{gpu=\"GPU-a\",index=\"0\",name=\"NVIDIA A100\","
        "driver=\"550.54\",mig=\"false\"} 1",
        "atelier_gpu_state{gpu=\"GPU-a\",state=\"outside\"} 1",
        "atelier_gpu_state{gpu=\"GPU-a\",state=\"free\"} 0",
        "atelier_gpu_temperature_celsius{gpu=\"GPU-a\"} 41",
        "atelier_gpu_energy_joules_total{gpu=\"GPU-a\"} 5.5",
        "atelier_gpu_throttled{gpu=\"GPU-a\",reason=\"power_cap\"} 1",
        "atelier_gpu_throttled{gpu=\"GPU-a\",reason=\"power_brake\"} 0",
        "atelier_gpu_ecc_uncorrected_total{gpu=\"GPU-a\"} 2",
        "atelier_gpu_outside_processes{gpu=\"GPU-a\"} 1",
        "atelier_nvml_errors_total 1"})
    EXPECT_THAT(page, HasSubstr(line));
  EXPECT_THAT(page, Not(HasSubstr("cpu:0")));
  EXPECT_THAT(page, Not(HasSubstr("atelier_gpu_power_watts")));
  is_there = false;
  EXPECT_THAT(prometheus::TextSerializer().Serialize(metrics.Collect()),
              Not(HasSubstr("GPU-a")));
}

}  // namespace
}  // namespace atelier::server
