// The header of a safetensors file:
//
//   8 bytes   length n of the header, little-endian
//   n bytes   JSON {"name": {"dtype": "F32", "shape": [..], "data_offsets":
//   [begin, end]}, …,
//                   "__metadata__": {"key": "text"}}, padded with spaces
//   the rest  the tensors; offsets count from here, tensors fill it without gap
//   or overlap
//
// Source: the format's description, huggingface.co/docs/safetensors. We are at
// least as strict.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

struct SafetensorsHeader {
  TensorIndex tensors;
  std::map<std::string, int64_t>
      begin;  // of each tensor, from the start of the file
  std::map<std::string, std::string> metadata;
};

// `file` is the whole file, of which only the header is read.
//
// Errors: INVALID_ARGUMENT saying which tensor, what was expected and what was
// found; without the path, which the caller adds.
absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(absl::string_view file);

}  // namespace atelier::trainer
