// Devices out of use, as rows. Throws SQLite::Exception; call within CatchSql.
#pragma once

#include <string>
#include <vector>

#include "server/jobs/device_drain.h"
#include "server/store/connection.h"

namespace atelier::server {

std::vector<DeviceDrain> ReadDeviceDrains(Connection& connection);

// A fault never takes the place of what somebody asked for.
void WriteDeviceDrain(Connection& connection, const DeviceDrain& drain);

void DeleteDeviceDrain(Connection& connection, const std::string& device);

}  // namespace atelier::server
