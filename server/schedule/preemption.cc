#include "server/schedule/preemption.h"

#include <algorithm>
#include <map>

namespace atelier::server {
namespace {

struct Candidate {
  const QueuedJob* job = nullptr;
  // Of what the reservation could use.
  int devices = 0;
};

}  // namespace

Victims ChooseVictims(const Placement& placement,
                      const Placement::Reservation& reservation,
                      const QueuedJob& job, absl::Duration min_run,
                      absl::Time now) {
  Victims victims;
  int lacks = placement.Lacks(reservation);
  if (lacks == 0) return victims;
  std::map<JobId, Candidate> known;
  for (size_t i = 0; i < placement.size(); ++i) {
    const QueuedJob* holder = placement.HolderOf(i);
    const bool is_lower = holder != nullptr && reservation.could_use[i] &&
                          holder->state == v1::JOB_STATE_RUNNING &&
                          holder->priority < job.priority;
    if (!is_lower) continue;
    const absl::Time may_stop = holder->attempt_start + min_run;
    if (may_stop > now) {
      victims.look_again = std::min(victims.look_again, may_stop);
      continue;
    }
    known[holder->id].job = holder;
    ++known[holder->id].devices;
  }
  std::vector<Candidate> candidates;
  for (const auto& [id, candidate] : known) candidates.push_back(candidate);
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) {
              if (a.job->priority != b.job->priority)
                return a.job->priority < b.job->priority;
              return a.job->attempt_start > b.job->attempt_start;
            });
  for (const Candidate& candidate : candidates) {
    if (lacks <= 0) break;
    victims.jobs.push_back(candidate.job->id);
    lacks -= candidate.devices;
  }
  if (lacks > 0) victims.jobs.clear();
  return victims;
}

}  // namespace atelier::server
