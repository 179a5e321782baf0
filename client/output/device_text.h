// Devices as a table, for `atelier gpus` and `atelier top`.
#pragma once

#include "atelier/v1/device.pb.h"
#include "client/context.h"

namespace atelier::client {

// One row a device, then what is to be said of them: why one is not handed out,
// who uses it from outside, faults.
void PrintDevices(const v1::ListDevicesResponse& devices,
                  const Context& context);

}  // namespace atelier::client
