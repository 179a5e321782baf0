// A device as placement sees it, and whether a job may have it. Plain data: who
// reads devices fills it in (server/gpu), who chooses reads it (policy.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "atelier/v1/device.pb.h"
#include "atelier/v1/job_spec.pb.h"
#include "server/jobs/job_request.h"
#include "server/jobs/job_store.h"

namespace atelier::server {

struct DeviceState {
  // `cpu:0`, or the UUID of a GPU or of a MIG instance.
  std::string id;
  v1::DeviceType kind = v1::DEVICE_TYPE_CPU;
  // As the driver names it; empty for CPU slots.
  std::string model;
  // 0: it has no memory of its own.
  int64_t total_bytes = 0;
  // Less what processes from outside hold; what Atelier's own jobs hold is not
  // taken off.
  int64_t free_bytes = 0;
  // FREE, LEASED, or why it is not handed out. Who reads devices does not know
  // of leases; the scheduler fills in LEASED.
  v1::DeviceAvailability availability = v1::DEVICE_AVAILABILITY_FREE;
  // One sentence for people, where it is neither FREE nor LEASED.
  std::string reason;
  // Part of a GPU. CUDA gives a process one of these at most, so jobs that want
  // several devices cannot use it.
  bool is_mig = false;

  bool operator==(const DeviceState&) const = default;
};

// A CPU slot.
DeviceState CpuSlot(int index);

// Jobs may have it, or one has it: it is not held back.
bool IsUsable(const DeviceState& device);

// The job could run on the device if nobody else did: kind, model and memory
// are right. A share of memory that drivers keep for themselves is allowed for,
// so that 24 GiB fit a card sold with 24.
bool Fits(const DeviceState& device, const JobRequest& request);

// It fits, is FREE, and what processes from outside leave is enough.
bool FitsNow(const DeviceState& device, const JobRequest& request);

// Marks what jobs hold as LEASED, whatever else it is.
void MarkLeased(const std::vector<DeviceLease>& leases,
                std::vector<DeviceState>* devices);

// Why jobs that the device fits do not get it: what their state says.
// UNSPECIFIED where it is FREE.
v1::JobReason ReasonFor(const DeviceState& device);

// Why `request` can never start on these devices, whatever their availability;
// empty: it can. One sentence for people.
std::string WhyNever(const std::vector<DeviceState>& devices,
                     const JobRequest& request);

// The machine's memory, as far as jobs ask for it.
struct HostMemory {
  // 0: not known; then nobody waits for it.
  int64_t total_bytes = 0;
  // What running jobs asked for.
  int64_t reserved_bytes = 0;
};

bool HasHostMemory(const HostMemory& host, const JobRequest& request);

// Why it does not start on them now: the reason that most of the fitting ones
// give, naming devices and causes. `request` fits them (WhyNever is empty).
struct DeviceWait {
  v1::JobReason reason = v1::JOB_REASON_RESOURCES;
  std::string message;
};
DeviceWait WhyNotNow(const std::vector<DeviceState>& devices,
                     const JobRequest& request);

}  // namespace atelier::server
