#include "client/commands/commands.h"
#include "client/job_outcome.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::StatusOr<int> RunWatch(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  ASSIGN_OR_RETURN(const int64_t id, ParseJobId(arguments.positional[0]));
  int64_t after = 0;
  if (arguments.Has("after")) {
    ASSIGN_OR_RETURN(after, ParseInteger("after", arguments.Value("after"), 0));
  }
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  return WatchToTheEnd(invocation, *connection, id, after);
}

}  // namespace

Command WatchCommand() {
  return {"watch",
          "Follows a job to its end; the exit status is its outcome",
          {"ID",
           1,
           1,
           {{"after", "SEQUENCE", "Leaves out events up to this one (0)"}}},
          RunWatch};
}

}  // namespace atelier::client
