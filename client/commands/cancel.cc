#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/text.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::StatusOr<int> RunCancel(const Invocation& invocation) {
  v1::CancelJobRequest request;
  ASSIGN_OR_RETURN(const int64_t id,
                   ParseJobId(invocation.arguments.positional[0]));
  request.set_id(id);
  request.set_message(invocation.arguments.Value("message"));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::CancelJobResponse response;
  RETURN_IF_ERROR(
      connection->Call(&v1::JobService::Stub::CancelJob, request, &response));
  const Context& context = invocation.context;
  if (invocation.json()) {
    PrintJson(JobToJson(response.job()), context);
  } else {
    context.out << "job " << id << " "
                << StateText(response.job().state(), context.terminal)
                << std::endl;
  }
  return kExitOk;
}

}  // namespace

Command CancelCommand() {
  return {"cancel",
          "Stops a job: after its step, with its state saved where it saves "
          "states",
          {"ID", 1, 1, {{"message", "TEXT", "Kept with the job"}}},
          RunCancel};
}

}  // namespace atelier::client
