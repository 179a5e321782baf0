// The device that a run computes on.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// `device` as the option has it. Errors: FAILED_PRECONDITION for a GPU that
// cannot be used, saying what is missing; INVALID_ARGUMENT.
absl::StatusOr<torch::Device> ChooseDevice(const std::string& device);

}  // namespace atelier::trainer
