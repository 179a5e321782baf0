// Which devices a job gets, and when at the latest those that wait first get
// theirs (EASY backfill; Lifka, "The ANL/IBM SP Scheduling System", 1995): a
// reservation holds the devices that come free first until the time when
// enough of them have, and others may have them only if they end before. Where
// that time is not known, nobody may have any device that the reservation's
// job could use.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/schedule/device_state.h"
#include "server/schedule/job_queue.h"

namespace atelier::server {

class Placement {
 public:
  // `devices` as they are, leases left out; `margin` from a time limit until
  // the devices are free for sure. Both queue and devices outlive it.
  Placement(const std::vector<DeviceState>& devices, const JobQueue& queue,
            absl::Duration margin, absl::Time now);

  // Devices for a job that may run for `time_limit`; empty: it must wait.
  // Those without a reservation first, then those with the least memory.
  // `is_backfill`: it passes a job that waits before it.
  std::vector<std::string> Take(const JobRequest& request,
                                absl::Duration time_limit, bool* is_backfill);

  // Whether any job of that shape, however short, could be placed now.
  bool MayTake(const JobRequest& request) const;

  // Holds devices for a job that waits first; nothing where an earlier one
  // waits for one of the same devices.
  struct Reservation {
    absl::Time start = absl::InfiniteFuture();
    std::vector<bool> holds;
    // Devices that it could use.
    std::vector<bool> could_use;
    int count = 0;
  };
  // Null: none was made.
  // `backfill`: others may have what it holds until then.
  const Reservation* Reserve(const JobRequest& request, bool backfill);

  // How many devices the reservation's job lacks, those not counted that come
  // free by themselves because their jobs stop.
  int Lacks(const Reservation& reservation) const;

  // The job that holds it; null: none.
  const QueuedJob* HolderOf(size_t device) const { return slots_[device].job; }
  size_t size() const { return slots_.size(); }

  // Devices with leases marked, as explanations want them.
  std::vector<DeviceState> Marked() const;

 private:
  struct Slot {
    const QueuedJob* job = nullptr;
    bool is_free = false;
    // When it is free at the latest; infinite future: not known.
    absl::Time free_at = absl::InfiniteFuture();
    // Held back, or never given, whatever its job.
    bool is_usable = true;
  };

  bool MayHave(size_t device, absl::Time until) const;

  const std::vector<DeviceState>& devices_;
  const absl::Duration margin_;
  const absl::Time now_;
  std::vector<Slot> slots_;
  std::vector<Reservation> reservations_;
};

}  // namespace atelier::server
