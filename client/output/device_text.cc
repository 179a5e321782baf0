#include "client/output/device_text.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/output/table.h"
#include "client/output/text.h"
#include "proto/cc/enum_name.h"

namespace atelier::client {
namespace {

constexpr char kRed[] = "\x1b[31m";
constexpr char kPlain[] = "\x1b[0m";

std::string Rounded(double value, const char* unit) {
  return absl::StrCat(std::lround(value), unit);
}

std::string MemoryText(const v1::DeviceInfo& device) {
  if (device.memory_total_bytes() == 0) return "";
  return absl::StrCat(BytesText(device.memory_used_bytes()), " of ",
                      BytesText(device.memory_total_bytes()));
}

std::string PowerText(const v1::DeviceInfo& device) {
  if (!device.has_power_watts()) return "";
  return device.has_power_limit_watts()
             ? absl::StrCat(Rounded(device.power_watts(), " of "),
                            Rounded(device.power_limit_watts(), " W"))
             : Rounded(device.power_watts(), " W");
}

std::string StateOf(const v1::DeviceInfo& device, const Terminal& terminal) {
  std::string state = absl::AsciiStrToLower(EnumName(device.availability()));
  const bool is_bad = device.availability() > v1::DEVICE_AVAILABILITY_LEASED;
  if (!is_bad || !terminal.has_color) return state;
  return absl::StrCat(kRed, state, kPlain);
}

std::vector<std::string> Row(const v1::DeviceInfo& device,
                             const Terminal& terminal) {
  return {
      device.index() < 0 ? "" : absl::StrCat(device.index()),
      Printable(device.id()),
      StateOf(device, terminal),
      device.job_id() == 0 ? "" : absl::StrCat(device.job_id()),
      MemoryText(device),
      device.has_utilization() ? Rounded(device.utilization() * 100, "%") : "",
      device.has_temperature_celsius()
          ? Rounded(device.temperature_celsius(), " C")
          : "",
      PowerText(device),
      Printable(device.model())};
}

// What is to be said of a device beside its row.
std::vector<std::string> Notes(const v1::DeviceInfo& device) {
  std::vector<std::string> notes;
  if (!device.message().empty()) notes.push_back(Printable(device.message()));
  if (!device.throttle_reasons().empty())
    notes.push_back(absl::StrCat(
        "clocks held back: ",
        Printable(absl::StrJoin(device.throttle_reasons(), ", "))));
  if (device.ecc_uncorrected() > 0)
    notes.push_back(
        absl::StrCat(device.ecc_uncorrected(), " uncorrected memory errors"));
  for (const v1::DeviceFault& fault : device.faults())
    notes.push_back(
        absl::StrCat("XID ", fault.xid(), " at ", LocalTime(fault.time())));
  return notes;
}

}  // namespace

void PrintDevices(const v1::ListDevicesResponse& devices,
                  const Context& context) {
  Table table({"GPU", "DEVICE", "STATE", "JOB", "MEMORY", "USE", "HEAT",
               "POWER", "MODEL"});
  for (const v1::DeviceInfo& device : devices.devices())
    table.Add(Row(device, context.terminal));
  table.Print(context.out);
  for (const v1::DeviceInfo& device : devices.devices())
    for (const std::string& note : Notes(device))
      context.out << Printable(device.id()) << ": " << note << "\n";
  if (!devices.message().empty())
    context.out << Printable(devices.message()) << "\n";
  context.out << std::flush;
}

}  // namespace atelier::client
