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

// What a training state should agree on with the run that goes on from it: the
// digests of the base model (kBaseModel, other components by their option), of
// the images and captions (kDataset) and of the dataset_config, and every
// option that the outcome depends on, as JSON.
absl::StatusOr<std::map<std::string, std::string>> MakeFingerprint(
    const Training& training);

// Keys of the fingerprint that are no options; names for allow_changed too.
inline constexpr char kBaseModel[] = "base_model";
inline constexpr char kDataset[] = "dataset";

// Options that name where a part of the model, or the dataset, is: their
// digests stand in the fingerprint, not their paths.
bool IsModelSource(const std::string& option);
bool IsDatasetSource(const std::string& option);

// Options that say how long a run is, what it writes and shows, or by which of
// several ways to the same numbers it goes.
bool MayChange(const std::string& option);

}  // namespace atelier::trainer
