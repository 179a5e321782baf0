// What can be said of a job before it runs, from its options alone: each value,
// the options together, the job's own fields. Paths are option_paths.h's.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/job_spec.pb.h"
#include "proto/cc/error_details.h"

namespace atelier {

// Every problem of a job, those of its options included; field paths count from
// the JobSpec. Unset options stand for their defaults.
std::vector<Violation> ValidateJobSpec(const v1::JobSpec& spec);

// The options' part of it: types and ranges, what the architecture takes, what
// it requires, and the rules between options.
std::vector<Violation> ValidateTraining(v1::Architecture architecture,
                                        const v1::TrainingConfig& config);

// What the user should know of a job that is valid: options without effect,
// notes of single options. Ask before defaults are filled in.
std::vector<std::string> OptionWarnings(v1::Architecture architecture,
                                        const v1::TrainingConfig& config);

}  // namespace atelier
