// Which jobs start now, which stop for them, and why the others wait: one look
// at the queue. A pure function of its arguments.
//
// Goes through the lanes in the order of Standing. What does not fit at the
// head of the queue gets a reservation (Placement) and, where running jobs of
// lower priority hold what it lacks, has those stopped. What waits for a quota,
// a sweep's limit or the end of a maintenance holds nobody back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/jobs/schedule_rules.h"
#include "server/schedule/device_state.h"
#include "server/schedule/job_queue.h"
#include "server/schedule/share_ledger.h"

namespace atelier::server {

// All of one moment; what is referred to outlives the plan.
struct PlanInput {
  const JobQueue& queue;
  const ShareLedger& ledger;
  const ScheduleRules& rules;
  // As they are, leases left out.
  const std::vector<DeviceState>& devices;
  // Of the machine; 0: not known, and nobody waits for it.
  int64_t host_memory_bytes = 0;
  absl::Time now = absl::InfinitePast();
  // No starts, and why; empty message: not draining.
  bool draining = false;
  std::string drain_message = {};
  bool disk_low = false;
  // Bytes of artifacts by user; looked at where a quota limits them.
  const std::map<std::string, int64_t>* disk_use = nullptr;
  // Also explains waits whose reason is told already.
  bool explain_all = false;
};

struct JobStart {
  JobId job = 0;
  std::vector<std::string> devices;
  // It passed a job that waits before it.
  bool is_backfill = false;

  bool operator==(const JobStart&) const = default;
};

// Why a job waits, for its state and for people.
struct JobWait {
  JobId job = 0;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;
  // When it starts at the latest, where that is known.
  absl::Time reserved = absl::InfiniteFuture();
};

struct Preemption {
  JobId job = 0;
  JobId in_favour = 0;

  bool operator==(const Preemption&) const = default;
};

struct Plan {
  // In order.
  std::vector<JobStart> starts;
  std::vector<Preemption> preemptions;
  // Of the first job of each lane, if its reason is another than it says.
  std::vector<JobWait> waits;
  // The first job in line that has to wait for devices; 0: none.
  JobId first_waiting = 0;
  // Its latest start; infinite future: not known.
  absl::Time first_start = absl::InfiniteFuture();
  // When to look again even if nothing happens; infinite future: not at all.
  absl::Time look_again = absl::InfiniteFuture();
};

Plan MakePlan(const PlanInput& input);

// The window that is now, or the next one; null: none.
const MaintenanceWindow* NextMaintenance(const ScheduleRules& rules,
                                         absl::Time now);

}  // namespace atelier::server
