// How long a caption may be, as a text encoder counts it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace atelier::trainer {

struct ModelOptions;
struct ModelSources;

struct CaptionLength {
  std::string tokenizer;  // `clip`, `t5xxl`, `gemma2`
  // Pieces of a caption that the encoder reads, begin and end left aside; more
  // are cut off.
  int64_t limit = 0;
  // Pieces that a caption has. Threads: any.
  std::function<int64_t(const std::string& caption)> count;
};

// The lengths of every tokenizer that an architecture's text encoders have.
// Nothing of the sources is read but a tokenizer that one of them carries; all
// of them may be missing.
//
// Errors: NOT_FOUND without tokenizer files; INVALID_ARGUMENT for broken ones.
using FindCaptionLengths = absl::StatusOr<std::vector<CaptionLength>> (*)(
    const ModelSources& sources, const ModelOptions& options);

}  // namespace atelier::trainer
