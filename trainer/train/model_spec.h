// modelspec.* metadata of a checkpoint, read by other programs.
//
// Source: Stability AI, ModelSpec 1.0.1. modelspec.date is left out: a resumed
// run writes the same bytes as one that was never stopped.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/train/setup.h"

namespace atelier::trainer {

void AddModelSpec(const Training& training,
                  std::map<std::string, std::string>& metadata);

// A picture as a data URL, or nothing where no path is given.
//
// Errors: those of the file; INVALID_ARGUMENT where it is not PNG, JPEG, WebP
// or GIF, or larger than 4 MiB, which every reader of the header would load.
absl::StatusOr<std::string> ReadThumbnail(const std::string& path);

}  // namespace atelier::trainer
