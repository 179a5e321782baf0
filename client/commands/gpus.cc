#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/device_text.h"
#include "client/output/json.h"
#include "proto/cc/message_json.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::Status Drain(const Invocation& invocation, Connection& connection) {
  const Arguments& arguments = invocation.arguments;
  v1::DrainDeviceRequest request;
  request.set_drained(arguments.Has("drain"));
  request.set_id(arguments.Value(request.drained() ? "drain" : "undrain"));
  request.set_message(arguments.Value("message"));
  v1::DrainDeviceResponse response;
  return connection.Call(&v1::DeviceService::Stub::DrainDevice, request,
                         &response);
}

absl::StatusOr<int> RunGpus(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  if (arguments.Has("drain") && arguments.Has("undrain")) {
    return absl::InvalidArgumentError(
        "--drain and --undrain are both given; give one");
  }
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  if (arguments.Has("drain") || arguments.Has("undrain"))
    RETURN_IF_ERROR(Drain(invocation, *connection));
  v1::ListDevicesResponse devices;
  RETURN_IF_ERROR(connection->Call(&v1::DeviceService::Stub::ListDevices,
                                   v1::ListDevicesRequest(), &devices));
  if (invocation.json()) {
    PrintJson(MessageToJson(devices), invocation.context);
  } else {
    PrintDevices(devices, invocation.context);
  }
  return kExitOk;
}

}  // namespace

Command GpusCommand() {
  return {"gpus",
          "Shows the devices: who uses them, how they are",
          {"",
           0,
           0,
           {{"drain", "DEVICE", "Takes a device out of use (operators)"},
            {"undrain", "DEVICE", "Puts it back and forgets its faults"},
            {"message", "TEXT", "Why it is out of use"}}},
          RunGpus};
}

}  // namespace atelier::client
