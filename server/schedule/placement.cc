#include "server/schedule/placement.h"

#include <algorithm>

namespace atelier::server {

Placement::Placement(const std::vector<DeviceState>& devices,
                     const JobQueue& queue, absl::Duration margin,
                     absl::Time now)
    : devices_(devices), margin_(margin), now_(now), slots_(devices.size()) {
  // Reserve gives pointers out.
  reservations_.reserve(devices.size() + 1);
  for (size_t i = 0; i < devices.size(); ++i) {
    slots_[i].is_usable = IsUsable(devices[i]);
    slots_[i].is_free = slots_[i].is_usable;
    if (slots_[i].is_free) slots_[i].free_at = now;
  }
  for (const auto& [turn, job] : queue.running()) {
    for (const std::string& id : job->devices) {
      for (size_t i = 0; i < devices.size(); ++i) {
        if (devices[i].id != id) continue;
        slots_[i].job = job;
        slots_[i].is_free = false;
        slots_[i].free_at =
            job->state == v1::JOB_STATE_STOPPING
                ? now + margin
                : job->attempt_start + job->request.time_limit + margin;
      }
    }
  }
}

bool Placement::MayHave(size_t device, absl::Time until) const {
  return std::all_of(reservations_.begin(), reservations_.end(),
                     [&](const Reservation& reservation) {
                       return !reservation.holds[device] ||
                              (reservation.start != absl::InfiniteFuture() &&
                               until <= reservation.start);
                     });
}

bool Placement::MayTake(const JobRequest& request) const {
  int free = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    // A reservation whose time is not known gives its devices to nobody.
    if (slots_[i].is_free && FitsNow(devices_[i], request) &&
        MayHave(i, now_ + margin_)) {
      ++free;
    }
  }
  return free >= request.count;
}

std::vector<std::string> Placement::Take(const JobRequest& request,
                                         absl::Duration time_limit,
                                         bool* is_backfill) {
  const absl::Time until = now_ + time_limit + margin_;
  std::vector<size_t> fitting;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].is_free && FitsNow(devices_[i], request) &&
        MayHave(i, until)) {
      fitting.push_back(i);
    }
  }
  if (static_cast<int>(fitting.size()) < request.count) return {};
  const auto is_reserved = [&](size_t device) {
    return !MayHave(device, absl::InfiniteFuture());
  };
  std::stable_sort(fitting.begin(), fitting.end(), [&](size_t a, size_t b) {
    const bool reserved_a = is_reserved(a);
    const bool reserved_b = is_reserved(b);
    if (reserved_a != reserved_b) return reserved_b;
    return devices_[a].total_bytes < devices_[b].total_bytes;
  });
  *is_backfill = false;
  std::vector<std::string> taken;
  for (int i = 0; i < request.count; ++i) {
    Slot& slot = slots_[fitting[static_cast<size_t>(i)]];
    for (const Reservation& reservation : reservations_) {
      *is_backfill |= reservation.could_use[fitting[static_cast<size_t>(i)]];
    }
    slot.is_free = false;
    slot.free_at = until;
    taken.push_back(devices_[fitting[static_cast<size_t>(i)]].id);
  }
  return taken;
}

const Placement::Reservation* Placement::Reserve(const JobRequest& request,
                                                 bool backfill) {
  Reservation made;
  made.count = request.count;
  made.holds.resize(slots_.size());
  made.could_use.resize(slots_.size());
  std::vector<size_t> candidates;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!Fits(devices_[i], request)) continue;
    made.could_use[i] = true;
    for (const Reservation& earlier : reservations_) {
      if (earlier.could_use[i]) return nullptr;
    }
    if (slots_[i].is_usable) candidates.push_back(i);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](size_t a, size_t b) {
                     return slots_[a].free_at < slots_[b].free_at;
                   });
  const auto count = static_cast<size_t>(request.count);
  const bool is_known =
      backfill && candidates.size() >= count &&
      slots_[candidates[count - 1]].free_at != absl::InfiniteFuture();
  if (is_known) {
    made.start = slots_[candidates[count - 1]].free_at;
    for (size_t i = 0; i < count; ++i) made.holds[candidates[i]] = true;
    // Free now but not enough of it (memory, outside use): not known when.
    if (made.start <= now_) made.start = absl::InfiniteFuture();
  }
  if (made.start == absl::InfiniteFuture()) made.holds = made.could_use;
  reservations_.push_back(std::move(made));
  return &reservations_.back();
}

int Placement::Lacks(const Reservation& reservation) const {
  int coming = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!reservation.could_use[i] || !slots_[i].is_usable) continue;
    const bool stops = slots_[i].job != nullptr &&
                       slots_[i].job->state == v1::JOB_STATE_STOPPING;
    if (slots_[i].is_free || stops) ++coming;
  }
  return std::max(0, reservation.count - coming);
}

std::vector<DeviceState> Placement::Marked() const {
  std::vector<DeviceState> marked = devices_;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].job != nullptr || (slots_[i].is_usable && !slots_[i].is_free))
      marked[i].availability = v1::DEVICE_AVAILABILITY_LEASED;
  }
  return marked;
}

}  // namespace atelier::server
