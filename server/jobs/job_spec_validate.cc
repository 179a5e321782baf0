#include "server/jobs/job_spec_validate.h"

#include <memory>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/option_paths.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/options_validate.h"
#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

// What the job trains on: what it names, else what its device option means,
// else the daemon's best. One that only fills caches leaves that to those that
// train.
v1::DeviceType DeviceTypeOf(const v1::JobSpec& spec, const SpecLimits& limits) {
  if (spec.devices().type() != v1::DEVICE_TYPE_UNSPECIFIED) {
    return spec.devices().type();
  }
  const std::string& device = spec.training().run().device();
  if (device == "cuda") return v1::DEVICE_TYPE_GPU;
  if (device == "cpu") return v1::DEVICE_TYPE_CPU;
  if (spec.training().run().warm_cache() && limits.cpu_devices > 0) {
    return v1::DEVICE_TYPE_CPU;
  }
  return limits.gpu_devices > 0 ? v1::DEVICE_TYPE_GPU : v1::DEVICE_TYPE_CPU;
}

void CheckDevices(const v1::JobSpec& spec, const SpecLimits& limits,
                  std::vector<Violation>* violations) {
  const v1::DeviceType type = DeviceTypeOf(spec, limits);
  const int wanted = spec.devices().count() == 0 ? 1 : spec.devices().count();
  const int present =
      type == v1::DEVICE_TYPE_GPU ? limits.gpu_devices : limits.cpu_devices;
  if (wanted < 1) {
    violations->push_back(
        {"devices.count",
         absl::StrCat("devices.count is ", wanted, "; it must be at least 1")});
  } else if (limits.why_never != nullptr) {
    v1::JobSpec resolved = spec;
    resolved.mutable_devices()->set_type(type);
    const std::string never = limits.why_never(RequestOf(resolved));
    if (!never.empty()) violations->push_back({"devices", never});
  } else if (wanted > present) {
    violations->push_back(
        {"devices", absl::StrCat("the job wants ", wanted, " ", EnumName(type),
                                 " device(s); this daemon has ", present)});
  }
  const std::string& device = spec.training().run().device();
  const bool differs = (device == "cuda" && type != v1::DEVICE_TYPE_GPU) ||
                       (device == "cpu" && type != v1::DEVICE_TYPE_CPU);
  if (!differs) return;
  violations->push_back(
      {"training.run.device",
       absl::StrCat("device is ", device, ", but the job asks the daemon for ",
                    EnumName(type), " devices")});
}

// Violations of the same field are said once.
void AddNew(std::vector<Violation> more, std::vector<Violation>* violations) {
  for (Violation& violation : more) {
    bool is_known = false;
    for (const Violation& known : *violations) {
      is_known = is_known || known.field == violation.field;
    }
    if (!is_known) violations->push_back(std::move(violation));
  }
}

std::string NameOf(const v1::JobSpec& spec) {
  const std::string& output = spec.training().output().output_name();
  return output.empty() ? ArchitectureName(spec.architecture()) : output;
}

}  // namespace

SeedSource RandomSeeds() {
  return [] { return static_cast<uint32_t>(std::random_device()()); };
}

absl::StatusOr<ResolvedSpec> ResolveJobSpec(const v1::JobSpec& spec,
                                            const SpecLimits& limits,
                                            const SeedSource& seeds) {
  std::vector<Violation> violations = ValidateJobSpec(spec);
  if (spec.max_attempts() > limits.max_attempts) {
    AddNew(
        {{"max_attempts", absl::StrCat("max_attempts is ", spec.max_attempts(),
                                       "; at most ", limits.max_attempts)}},
        &violations);
  }
  std::vector<Violation> devices;
  CheckDevices(spec, limits, &devices);
  AddNew(std::move(devices), &violations);
  AddNew(CheckPaths(spec.training()), &violations);
  RETURN_IF_ERROR(MakeBadRequest(violations));

  ResolvedSpec resolved;
  resolved.warnings = OptionWarnings(spec.architecture(), spec.training());
  resolved.spec = spec;
  FillDefaults(spec.architecture(), resolved.spec.mutable_training(),
               [&] { return int64_t{seeds()}; });
  auto* request = resolved.spec.mutable_devices();
  request->set_type(DeviceTypeOf(spec, limits));
  if (request->count() == 0) request->set_count(1);
  if (resolved.spec.name().empty()) {
    resolved.spec.set_name(NameOf(resolved.spec));
  }
  return resolved;
}

}  // namespace atelier::server
