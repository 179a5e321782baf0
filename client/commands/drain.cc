#include "client/commands/drain.h"

#include <string>

#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/text.h"
#include "proto/cc/message_json.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::StatusOr<int> DrainDevice(const Invocation& invocation, bool drained) {
  v1::DrainDeviceRequest request;
  request.set_id(invocation.arguments.positional[1]);
  request.set_drained(drained);
  request.set_message(invocation.arguments.Value("message"));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::DrainDeviceResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::DeviceService::Stub::DrainDevice,
                                   request, &response));
  if (invocation.json()) {
    PrintJson(MessageToJson(response.device()), invocation.context);
  } else {
    invocation.context.out << "device " << Printable(request.id())
                           << (drained ? " is out of use" : " is in use again")
                           << std::endl;
  }
  return kExitOk;
}

}  // namespace

absl::StatusOr<int> RunDrain(const Invocation& invocation) {
  if (invocation.arguments.positional.size() > 1)
    return DrainDevice(invocation, true);
  v1::DrainRequest request;
  request.set_message(invocation.arguments.Value("message"));
  request.set_requeue_running(invocation.arguments.Has("requeue"));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::DrainResponse response;
  RETURN_IF_ERROR(
      connection->Call(&v1::ScheduleService::Stub::Drain, request, &response));
  if (invocation.json()) {
    PrintJson(MessageToJson(response), invocation.context);
  } else {
    invocation.context.out << "no job is started until `atelier admin resume`; "
                           << response.jobs_running() << " still run"
                           << std::endl;
  }
  return kExitOk;
}

absl::StatusOr<int> RunResume(const Invocation& invocation) {
  if (invocation.arguments.positional.size() > 1)
    return DrainDevice(invocation, false);
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::ResumeResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::ScheduleService::Stub::Resume,
                                   v1::ResumeRequest(), &response));
  if (invocation.json()) {
    PrintJson(MessageToJson(response), invocation.context);
  } else {
    invocation.context.out << "jobs are started again" << std::endl;
  }
  return kExitOk;
}

}  // namespace atelier::client
