// Names of element types: those that people type, and those of the safetensors
// format.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The type that `float`, `fp16` or `bf16` (as in save_precision) stands for;
// `fp32` and `no` also mean float.
//
// Errors: INVALID_ARGUMENT with the names that exist.
absl::StatusOr<torch::ScalarType> ParsePrecision(absl::string_view name);
// The reverse, for reports: `float`, `fp16`, `bf16`, or LibTorch's own name for
// other types.
std::string PrecisionName(torch::ScalarType type);

// `F32`, `BF16`, `I64`, `F8_E4M3`, …; nothing for names that are unknown or
// that LibTorch has no type for (`F4`).
std::optional<torch::ScalarType> FromSafetensorsDtype(absl::string_view name);
// The reverse; empty for types that the format has no name for (quantised
// ones).
absl::string_view SafetensorsDtype(torch::ScalarType type);
// Every name that FromSafetensorsDtype takes, for messages: `BOOL, U8, …`.
std::string SafetensorsDtypeNames();

}  // namespace atelier::trainer
