// DeviceService: devices as the daemon knows them.
#pragma once

#include <functional>
#include <utility>

#include "absl/status/statusor.h"

#include "atelier/v1/device.grpc.pb.h"
#include "server/api/call_context.h"

namespace atelier::server {

struct DeviceServiceParts {
  std::function<absl::StatusOr<v1::ListDevicesResponse>()> list;
  // Errors: NOT_FOUND, DEVICE_NOT_FOUND.
  std::function<absl::Status(const v1::DrainDeviceRequest&)> drain;
};

class DeviceServiceImpl final : public v1::DeviceService::CallbackService {
 public:
  DeviceServiceImpl(const CallContext& context, DeviceServiceParts parts)
      : context_(context), parts_(std::move(parts)) {}

  grpc::ServerUnaryReactor* ListDevices(
      grpc::CallbackServerContext* call, const v1::ListDevicesRequest* request,
      v1::ListDevicesResponse* response) override;
  grpc::ServerUnaryReactor* DrainDevice(
      grpc::CallbackServerContext* call, const v1::DrainDeviceRequest* request,
      v1::DrainDeviceResponse* response) override;

 private:
  const CallContext context_;
  const DeviceServiceParts parts_;
};

}  // namespace atelier::server
