#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/job_outcome.h"
#include "client/output/json.h"
#include "client/output/text.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::StatusOr<StreamLimits> ParseLimits(const Invocation& invocation) {
  StreamLimits limits;
  if (!invocation.arguments.Has("timeout")) return limits;
  const std::string text = invocation.arguments.Value("timeout");
  double seconds = 0;
  if (!absl::SimpleAtod(text, &seconds) || !(seconds >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--timeout is \"", text, "\"; must be a number of seconds from 0 on"));
  }
  limits.deadline = invocation.context.now() + absl::Seconds(seconds);
  return limits;
}

void PrintEnded(const Invocation& invocation, const v1::Job& job) {
  if (!invocation.json()) return PrintOutcome(job, invocation.context);
  PrintJson({{"id", job.id()},
             {"state", EnumName(job.state())},
             {"reason", EnumName(job.reason())},
             {"message", job.message()},
             {"exit_code", static_cast<int>(ExitCodeOf(job))}},
            invocation.context);
}

absl::StatusOr<int> RunWait(const Invocation& invocation) {
  std::vector<int64_t> ids;
  for (const std::string& text : invocation.arguments.positional) {
    ASSIGN_OR_RETURN(const int64_t id, ParseJobId(text));
    ids.push_back(id);
  }
  ASSIGN_OR_RETURN(const StreamLimits limits, ParseLimits(invocation));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  int exit_code = kExitOk;
  for (const int64_t id : ids) {
    const absl::StatusOr<v1::Job> job = AwaitEnd(*connection, id, limits);
    const bool is_late =
        job.status().code() == absl::StatusCode::kDeadlineExceeded &&
        limits.deadline <= invocation.context.now();
    if (is_late) {
      invocation.context.err << "job " << id << " still goes on" << std::endl;
      return kExitTimedOut;
    }
    RETURN_IF_ERROR(job.status());
    PrintEnded(invocation, *job);
    if (exit_code == kExitOk) exit_code = ExitCodeOf(*job);
  }
  return exit_code;
}

}  // namespace

Command WaitCommand() {
  return {"wait",
          "Waits until jobs have ended; the exit status is the outcome of the "
          "first that did not succeed",
          {"ID…",
           1,
           1000,
           {{"timeout", "SECONDS", "Gives up then, with status 8"}}},
          RunWait};
}

}  // namespace atelier::client
