// What a checkpoint says about itself: modelspec.* for other programs, and
// `atelier.record`, the JSON from which the run can be done again.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/train/progress.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

// The safetensors metadata of a checkpoint after `progress.step` steps. It
// depends on the job, the checkpoint, the data and the step alone, not on time
// or place: a resumed run writes the same bytes.
//
// Blocks: until the base checkpoint's digest is computed. Errors: DATA_LOSS
// when it cannot be read.
absl::StatusOr<std::map<std::string, std::string>> MakeMetadata(
    const Training& training, const Progress& progress);

// What a training state must agree on with the run that goes on from it: base
// and dataset digests, and every option that the outcome depends on. One line
// of JSON a key.
absl::StatusOr<std::map<std::string, std::string>> MakeFingerprint(
    const Training& training);

}  // namespace atelier::trainer
