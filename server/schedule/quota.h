// What users and groups have taken of their quotas, during one look at the
// queue.
#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"

#include "server/schedule/plan.h"

namespace atelier::server {

struct QuotaUse {
  bool is_exceeded = false;
  // One sentence for people.
  std::string message;
  // When that may change by itself; infinite future: not by itself.
  absl::Time look_again = absl::InfiniteFuture();
};

class QuotaState {
 public:
  // `input` outlives it.
  explicit QuotaState(const PlanInput& input) : input_(input) {}

  // Whether the start of `job` would go beyond a quota of its user or group.
  QuotaUse Exceeded(const QueuedJob& job) const;

  // A start was decided on.
  void Charge(const Account& account, int devices);

 private:
  struct Load {
    int jobs = 0;
    int devices = 0;
  };

  QuotaUse Check(const std::string& who, const Quota& quota, Load load,
                 int devices) const;
  // Device-hours of a week, running attempts included.
  double WeekHours(const Account& account, bool whole_group) const;

  const PlanInput& input_;
  std::map<std::string, Load> started_by_user_;
  std::map<std::string, Load> started_by_group_;
};

}  // namespace atelier::server
