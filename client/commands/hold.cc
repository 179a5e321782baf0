#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/text.h"
#include "proto/cc/resource_text.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

int PrintChanged(const v1::Job& job, const Invocation& invocation) {
  const Context& context = invocation.context;
  if (invocation.json()) {
    PrintJson(JobToJson(job), context);
  } else {
    context.out << "job " << job.id() << " "
                << StateText(job.state(), context.terminal) << ": "
                << Printable(job.message()) << std::endl;
  }
  return kExitOk;
}

// A call about one job, whose answer is the job.
template <typename Request, typename Response>
absl::StatusOr<int> CallFor(const Invocation& invocation,
                            grpc::Status (v1::ScheduleService::Stub::*method)(
                                grpc::ClientContext*, const Request&,
                                Response*),
                            Request request) {
  ASSIGN_OR_RETURN(const int64_t id,
                   ParseJobId(invocation.arguments.positional[0]));
  request.set_id(id);
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  Response response;
  RETURN_IF_ERROR(connection->Call(method, request, &response));
  return PrintChanged(response.job(), invocation);
}

absl::StatusOr<int> RunHold(const Invocation& invocation) {
  v1::HoldJobRequest request;
  request.set_message(invocation.arguments.Value("message"));
  return CallFor(invocation, &v1::ScheduleService::Stub::HoldJob, request);
}

absl::StatusOr<int> RunRelease(const Invocation& invocation) {
  return CallFor(invocation, &v1::ScheduleService::Stub::ReleaseJob,
                 v1::ReleaseJobRequest());
}

absl::StatusOr<int> RunRequeue(const Invocation& invocation) {
  v1::RequeueJobRequest request;
  request.set_message(invocation.arguments.Value("message"));
  return CallFor(invocation, &v1::ScheduleService::Stub::RequeueJob, request);
}

absl::StatusOr<int> RunUpdate(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  v1::UpdateJobRequest request;
  v1::JobSpec spec;
  const bool has_limit = arguments.Has("time-limit");
  if (!arguments.Has("priority") && !has_limit &&
      !arguments.Has("sweep-running")) {
    return absl::InvalidArgumentError(
        "nothing to change: give --priority, --time-limit or --sweep-running");
  }
  if (arguments.Has("priority")) {
    ASSIGN_OR_RETURN(
        const int64_t priority,
        ParseInteger("priority", arguments.Value("priority"), -1000));
    request.set_priority(static_cast<int32_t>(priority));
  }
  if (has_limit && arguments.Value("time-limit") == "none") {
    request.mutable_time_limit();
  } else if (has_limit) {
    const absl::Status set =
        SetResource("time_limit", arguments.Value("time-limit"), &spec);
    if (!set.ok())
      return absl::InvalidArgumentError(absl::StrCat("--", set.message()));
    *request.mutable_time_limit() = spec.time_limit();
  }
  if (arguments.Has("sweep-running")) {
    ASSIGN_OR_RETURN(
        const int64_t running,
        ParseInteger("sweep-running", arguments.Value("sweep-running"), 0));
    request.set_sweep_running(static_cast<int32_t>(running));
  }
  return CallFor(invocation, &v1::ScheduleService::Stub::UpdateJob, request);
}

Flag MessageFlag() { return {"message", "TEXT", "Kept with the job"}; }

}  // namespace

Command HoldCommand() {
  return {"hold",
          "Keeps a waiting job from starting",
          {"ID", 1, 1, {MessageFlag()}},
          RunHold};
}

Command ReleaseCommand() {
  return {"release", "Lets a held job start", {"ID", 1, 1, {}}, RunRelease};
}

Command RequeueCommand() {
  return {"requeue",
          "Stops a running job with its state saved; it waits for its next "
          "turn",
          {"ID", 1, 1, {MessageFlag()}},
          RunRequeue};
}

Command UpdateCommand() {
  return {"update",
          "Changes priority or limits of a waiting job",
          {"ID",
           1,
           1,
           {{"priority", "N", "Higher starts first, -1000 to 1000"},
            {"time-limit", "TIME", "How long it may run at a time; none: ever"},
            {"sweep-running", "N",
             "How many jobs of its sweep run at a time; 0: any number"}}},
          RunUpdate};
}

}  // namespace atelier::client
