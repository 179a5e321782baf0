#include "server/config/device_config.h"

namespace atelier::server {

void ReadDevices(ConfigReader& table, DeviceConfig* config) {
  const std::vector<std::string> policies = {"avoid", "warn", "ignore"};
  table.Text("nvml_library", &config->nvml_library);
  table.Seconds("poll_seconds", {0.1, 3600}, &config->poll);
  table.Seconds("nvml_timeout_seconds", {1, 3600}, &config->nvml_timeout);
  table.Choice("outside_use", policies, &config->outside_use);
  table.Choices("outside_use_of", policies, &config->outside_use_of);
  table.Seconds("outside_clear_seconds", {0, 86400}, &config->outside_clear);
  table.Texts("ignored_programs", &config->ignored_programs);
  table.Bytes("host_memory_bytes", &config->host_memory_bytes);
  table.Text("cgroup", &config->cgroup);
}

}  // namespace atelier::server
