// A tensor as it stands in a file.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// On the CPU, dense, of this type. Errors: INVALID_ARGUMENT, naming the tensor,
// for finite values that the type cannot hold.
absl::StatusOr<Tensor> ToSavedType(const std::string& name,
                                   const Tensor& tensor,
                                   torch::ScalarType type);

}  // namespace atelier::trainer
