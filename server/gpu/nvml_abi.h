// The part of NVML's binary interface that is used here, so that neither its
// header nor its library is needed to build. Names, numbers and layouts are
// those of NVIDIA's "NVML API Reference Guide"; functions with a _v2 or _v3 are
// called by that name.
#pragma once

namespace atelier::server::nvml {

using Return = int;
constexpr Return kSuccess = 0;
constexpr Return kNotSupported = 3;
constexpr Return kInsufficientSize = 7;
constexpr Return kTimeout = 10;
constexpr Return kGpuIsLost = 15;
constexpr Return kResetRequired = 16;

// Opaque.
using Device = void*;
using EventSet = void*;

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct Utilization {
  unsigned gpu;
  unsigned memory;
};

struct ProcessInfo {
  unsigned pid;
  unsigned long long used_bytes;
  unsigned gpu_instance;
  unsigned compute_instance;
};
constexpr unsigned long long kNotAvailable = ~0ULL;

struct EventData {
  Device device;
  unsigned long long type;
  // The XID's number.
  unsigned long long data;
  unsigned gpu_instance;
  unsigned compute_instance;
};
constexpr unsigned long long kEventXid = 8;

constexpr int kTextBytes = 96;

struct Functions {
  Return (*init)();
  const char* (*error_string)(Return);
  Return (*driver_version)(char*, unsigned);
  Return (*count)(unsigned*);
  Return (*by_index)(unsigned, Device*);
  Return (*uuid)(Device, char*, unsigned);
  Return (*name)(Device, char*, unsigned);
  Return (*memory)(Device, Memory*);
  Return (*compute_processes)(Device, unsigned*, ProcessInfo*);
  // From here on null where the library does not have them.
  Return (*graphics_processes)(Device, unsigned*, ProcessInfo*);
  Return (*utilization)(Device, Utilization*);
  Return (*temperature)(Device, int sensor, unsigned*);
  Return (*power)(Device, unsigned* milliwatts);
  Return (*power_limit)(Device, unsigned* milliwatts);
  Return (*energy)(Device, unsigned long long* millijoules);
  Return (*throttle_reasons)(Device, unsigned long long* bits);
  Return (*ecc_errors)(Device, int kind, int counter, unsigned long long*);
  Return (*mig_mode)(Device, unsigned* current, unsigned* pending);
  Return (*max_mig_devices)(Device, unsigned*);
  Return (*mig_device)(Device, unsigned, Device*);
  Return (*gpu_instance)(Device, unsigned*);
  Return (*make_event_set)(EventSet*);
  Return (*register_events)(Device, unsigned long long types, EventSet);
  Return (*wait_event)(EventSet, EventData*, unsigned timeout_ms);
};

}  // namespace atelier::server::nvml
