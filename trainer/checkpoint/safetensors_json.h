// The JSON of a safetensors header, taken apart but not yet checked against the
// file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::trainer {

// What the JSON says of one tensor.
struct SafetensorsEntry {
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets;
  bool has_dtype = false;
  bool has_shape = false;
  bool has_offsets = false;
};

struct SafetensorsJson {
  std::map<std::string, SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

// One pass without building a tree: nesting deeper than the format's is refused
// where it begins, doubled names where they appear, text that is not UTF-8 by
// the parser.
//
// Errors: INVALID_ARGUMENT naming the tensor, what was expected and what was
// found.
absl::StatusOr<SafetensorsJson> ParseSafetensorsJson(absl::string_view text);

}  // namespace atelier::trainer
