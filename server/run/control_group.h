// Control groups (version 2) of attempts: every process that a worker starts is
// in its group, wherever it goes; the kernel holds the group to its memory,
// says when it ran out, and ends all of it at once.
//
//   ROOT/atelier-job-3.2/    the worker of job 3's attempt 2 and all below it;
//                            not its shim, which tells how it ended
//   ROOT/daemon/             the daemon itself, where ROOT was its own group
//
// Where groups cannot be used, attempts go without: their processes are found
// by their environment (process_tree.h), and limits on memory are not enforced.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/jobs/job.h"

namespace atelier::server {

// The file that a worker writes itself to before it runs, for the shim.
constexpr char kGroupVariable[] = "ATELIER_CGROUP_PROCS";

struct GroupFacts {
  // Processes that the kernel ended because the group had no memory left.
  int64_t memory_kills = 0;
  // Most that it ever used; 0: not known.
  int64_t peak_bytes = 0;
  // 0: without limit.
  int64_t limit_bytes = 0;
};

// Threads: any; keeps nothing in memory, so another daemon finds the same.
class ControlGroups {
 public:
  // `setting`: a folder of the hierarchy that the daemon may write to; `auto`:
  // the daemon's own group, if it was delegated to it; `off` or empty: none.
  static ControlGroups Open(const std::string& setting);

  bool is_used() const { return !root_.empty(); }
  // Why not, where it is not.
  const std::string& message() const { return message_; }

  // Makes the attempt's group and gives its cgroup.procs. `limit_bytes`: of
  // memory, swap included; 0: without limit.
  // Errors: INTERNAL the folder cannot be made. A limit that cannot be set is
  // not an error: see ReadFacts.
  absl::StatusOr<std::string> Make(const AttemptId& attempt,
                                   int64_t limit_bytes) const;

  // Ends every process of the group at once; nothing where there is none.
  void Kill(const AttemptId& attempt) const;

  GroupFacts ReadFacts(const AttemptId& attempt) const;

  // Removes a group without processes.
  void Remove(const AttemptId& attempt) const;

 private:
  std::string Folder(const AttemptId& attempt) const;

  std::string root_;
  std::string message_;
};

}  // namespace atelier::server
