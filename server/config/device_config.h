// Table [devices] of the daemon's configuration.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/config/config_reader.h"

namespace atelier::server {

struct DeviceConfig {
  // As dlopen(3) takes it; empty: GPUs are not looked for.
  std::string nvml_library = "libnvidia-ml.so.1";
  absl::Duration poll = absl::Seconds(5);
  absl::Duration nvml_timeout = absl::Seconds(10);
  // avoid, warn or ignore; and of single GPUs.
  std::string outside_use = "avoid";
  std::map<std::string, std::string> outside_use_of;
  absl::Duration outside_clear = absl::Seconds(30);
  std::vector<std::string> ignored_programs = {
      "Xorg",          "Xwayland",      "gnome-shell",
      "kwin_x11",      "kwin_wayland",  "nvidia-persiste",
      "nv-hostengine", "dcgm-exporter", "nvidia-smi"};
  // What jobs may ask for in all; 0: all that the machine has.
  int64_t host_memory_bytes = 0;
  // A delegated folder of the control group hierarchy; `auto`: the daemon's
  // own, where it may write there; `off`: none.
  std::string cgroup = "auto";
};

// Reads the table's keys.
void ReadDevices(ConfigReader& table, DeviceConfig* config);

}  // namespace atelier::server
