// NVML, found at run time: a machine without it has no GPUs, and that is all.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/gpu/nvml_abi.h"

namespace atelier::server {

// Stays loaded until the process ends, since a call may still hang in it.
//
// Threads: one at a time; every call may block for ever on a sick driver.
class NvmlLibrary {
 public:
  // `path` as dlopen(3) takes it. Does not call anything in it yet.
  // Errors: NOT_FOUND there is no such library; FAILED_PRECONDITION it lacks a
  // function, naming it.
  static absl::StatusOr<std::shared_ptr<NvmlLibrary>> Load(
      const std::string& path);

  const nvml::Functions& functions() const { return functions_; }

  // OK, or what `call` answered.
  absl::Status Check(nvml::Return result, const char* call) const;

 private:
  NvmlLibrary() = default;
  nvml::Functions functions_ = {};
};

}  // namespace atelier::server
