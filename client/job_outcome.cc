#include "client/job_outcome.h"

#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/progress.h"
#include "client/output/text.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/event_json.h"
#include "proto/cc/job_state.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {

absl::StatusOr<int> WatchToTheEnd(const Invocation& invocation,
                                  Connection& connection, int64_t id,
                                  int64_t after_sequence) {
  const Context& context = invocation.context;
  {
    Progress progress(context);
    RETURN_IF_ERROR(FollowEvents(connection, id, after_sequence, {},
                                 [&](const v1::Event& event) {
                                   if (invocation.json()) {
                                     PrintJson(EventToJson(event), context);
                                   } else {
                                     progress.Show(event);
                                   }
                                 }));
  }
  ASSIGN_OR_RETURN(const v1::Job job, connection.GetJob(id));
  if (!invocation.json()) PrintOutcome(job, context);
  return ExitCodeOf(job);
}

absl::StatusOr<v1::Job> AwaitEnd(Connection& connection, int64_t id,
                                 const StreamLimits& limits) {
  ASSIGN_OR_RETURN(v1::Job job, connection.GetJob(id));
  if (IsTerminal(job.state())) return job;
  RETURN_IF_ERROR(FollowEvents(connection, id, job.last_sequence(), limits,
                               [](const v1::Event&) {}));
  return connection.GetJob(id);
}

void PrintOutcome(const v1::Job& job, const Context& context) {
  context.out << "job " << job.id() << " "
              << StateText(job.state(), context.terminal);
  const std::string reason = EnumName(job.reason());
  if (!reason.empty()) context.out << " (" << reason << ")";
  if (!job.message().empty()) context.out << ": " << Printable(job.message());
  context.out << std::endl;
}

}  // namespace atelier::client
