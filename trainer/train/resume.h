// Training states: saving one, and going on from one.
//
// A state holds the weights of every module that is or was trained, the
// optimizer's state, the place in data and schedule, and what the run is made
// of. A run that goes on from it ends with the same weights, bit for bit, as
// one that was never stopped.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/train/progress.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

// Writes the folder `path` whole or not at all; returns its size in bytes.
// Errors: RESOURCE_EXHAUSTED and so on, naming the path.
absl::StatusOr<int64_t> SaveTrainingState(const Training& training,
                                          const Progress& progress,
                                          const std::string& path);

// The state that this attempt goes on from: the newest whole one in
// `output_dir` if `from_newest`, else `resume` of the options. None: from the
// start. Newer ones that cannot be used are warned of.
// Errors: NOT_FOUND and DATA_LOSS for `resume`.
absl::StatusOr<std::optional<std::string>> FindStateToResume(
    const Training& training, const std::string& output_dir, bool from_newest,
    Reporter& reporter);

// Takes the state over into modules, optimizer and averages. Differences that
// allow_changed lets pass are warned of.
// Errors: INVALID_ARGUMENT when it does not belong to this model, data or these
// options, naming what differs; DATA_LOSS.
absl::StatusOr<Progress> LoadTrainingState(Training& training,
                                           const std::string& path,
                                           Reporter& reporter);

// Freezes the text encoders where `step` is at or past the step at which they
// cease to be trained: no gradients, no optimizer state, no updates.
void FreezeTextEncodersIfDue(Training& training, int64_t step);

// Whether a text encoder is trained that is not frozen yet.
bool TrainsTextEncoders(const Training& training);

}  // namespace atelier::trainer
