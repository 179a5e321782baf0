#include "server/api/device_service.h"

#include "proto/cc/status_macros.h"

namespace atelier::server {

grpc::ServerUnaryReactor* DeviceServiceImpl::ListDevices(
    grpc::CallbackServerContext* call, const v1::ListDevicesRequest* request,
    v1::ListDevicesResponse* response) {
  return RunUnary(context_, call, "ListDevices", *request,
                  [this, response]() -> absl::Status {
                    ASSIGN_OR_RETURN(*response, parts_.list());
                    return absl::OkStatus();
                  });
}

grpc::ServerUnaryReactor* DeviceServiceImpl::DrainDevice(
    grpc::CallbackServerContext* call, const v1::DrainDeviceRequest* request,
    v1::DrainDeviceResponse* response) {
  // The request's id names a device, no job.
  return RunCall(
      context_, call, "DrainDevice", std::nullopt,
      [this, request, response](const Caller&, JobId*) -> absl::Status {
        RETURN_IF_ERROR(parts_.drain(*request));
        ASSIGN_OR_RETURN(const auto devices, parts_.list());
        for (const v1::DeviceInfo& device : devices.devices())
          if (device.id() == request->id())
            *response->mutable_device() = device;
        return absl::OkStatus();
      });
}

}  // namespace atelier::server
