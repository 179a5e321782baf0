#include "server/store/device_drains.h"

namespace atelier::server {

std::vector<DeviceDrain> ReadDeviceDrains(Connection& connection) {
  std::vector<DeviceDrain> drains;
  Query rows(connection,
             "SELECT device, is_fault, message, drain_time FROM device_drains");
  while (rows.Step()) {
    drains.push_back(
        {rows.Text(0), rows.Int(1) != 0, rows.Text(2), rows.Time(3)});
  }
  return drains;
}

void WriteDeviceDrain(Connection& connection, const DeviceDrain& drain) {
  Query(connection,
        "INSERT INTO device_drains VALUES (?, ?, ?, ?) "
        "ON CONFLICT (device) DO UPDATE SET is_fault = excluded.is_fault, "
        "message = excluded.message, drain_time = excluded.drain_time "
        "WHERE excluded.is_fault <= is_fault")
      .Bind(drain.device, drain.is_fault, drain.message, drain.time)
      .Run();
}

void DeleteDeviceDrain(Connection& connection, const std::string& device) {
  Query(connection, "DELETE FROM device_drains WHERE device = ?")
      .Bind(device)
      .Run();
}

}  // namespace atelier::server
