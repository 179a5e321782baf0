// The part of a job's spec that its turn depends on, checked.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/job_spec.pb.h"
#include "proto/cc/error_details.h"
#include "server/jobs/schedule_rules.h"

namespace atelier::server {

// Priority within -1000 … 1000.
void CheckPriority(const std::string& field, int priority,
                   std::vector<Violation>* violations);

// Completes the group by what the rules say of `user`.
// Errors: INVALID_ARGUMENT with every field at fault.
absl::Status ResolveSchedule(const ScheduleRules& rules,
                             const std::string& user, v1::JobSpec* spec);

}  // namespace atelier::server
