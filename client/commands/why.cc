#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/wait_text.h"
#include "proto/cc/message_json.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::StatusOr<int> RunWhy(const Invocation& invocation) {
  v1::ExplainJobRequest request;
  ASSIGN_OR_RETURN(const int64_t id,
                   ParseJobId(invocation.arguments.positional[0]));
  request.set_id(id);
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::ExplainJobResponse why;
  RETURN_IF_ERROR(
      connection->Call(&v1::ScheduleService::Stub::ExplainJob, request, &why));
  if (invocation.json()) {
    nlohmann::ordered_json json = MessageToJson(why);
    json["job"] = JobToJson(why.job());
    PrintJson(json, invocation.context);
  } else {
    invocation.context.out << WaitText(why, invocation.context) << std::flush;
  }
  return kExitOk;
}

}  // namespace

Command WhyCommand() {
  return {"why",
          "Says why a job waits, behind how many, and when it may start",
          {"ID", 1, 1, {}},
          RunWhy};
}

}  // namespace atelier::client
