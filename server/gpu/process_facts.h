// Who a process on a GPU is: one of a job's, or somebody else's.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "server/jobs/job.h"

namespace atelier::server {

struct ProcessFacts {
  // The attempt that started it; none: it is from outside.
  std::optional<AttemptId> attempt;
  // As /proc knows them; empty: not known.
  std::string name;
  std::string user;
};

using ProcessLookup = std::function<ProcessFacts(pid_t)>;

// Reads /proc. A process belongs to an attempt if it, or one that it descends
// from, carries the attempt's run folder below `state_dir` in its environment,
// or if it is in the attempt's control group. Environments of other users'
// processes cannot be read without privileges; their ancestors' and control
// groups can.
ProcessFacts LookUpProcess(const std::string& state_dir, pid_t pid);

}  // namespace atelier::server
