// Reads the dataset description: sd-scripts' TOML or JSON, or, where there is
// none, folders named `<repeats>_<class tokens>` or one metadata file.
//
//   [general]                    any key but those of a subset alone
//   [[datasets]]                 resolution, batch_size, bucket keys, and
//                                defaults for its subsets
//   [[datasets.subsets]]         image_dir or metadata_file, captions, repeats
// In JSON: { "general": {…}, "datasets": [ { …, "subsets": [ {…} ] } ] }
//
// The value of a key is the first that is set of: subset, its dataset, general,
// the options given with the job, the built-in default.
//
// Deviations: relative paths are resolved against the description's own folder,
// where sd-scripts takes the current folder. Subsets with and without
// conditioning_data_dir may stand in one dataset, and with metadata_file too.
// is_val is our own.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

// What the job's options say about data; filled by train/options.cc.
struct DatasetRequest {
  std::string dataset_config;  // the description's path; empty: use the others
  std::string train_data_dir;
  std::string reg_data_dir;
  std::string in_json;  // metadata of the images in train_data_dir
  // Values for keys that the description does not set. `dataset.subsets` is
  // ignored.
  DatasetOptions dataset;
  SubsetOptions subset;
  bool cache_latents = false;
  bool masked_loss = false;  // conditioning_data_dir may be given
  // Bucket sides and resolutions must be multiples of these (architecture.h).
  int bucket_step_px = 64;
  int latent_scale = 8;
};

// `SIZE` or `WIDTH,HEIGHT` in pixels, into options->width and height. Errors:
// INVALID_ARGUMENT.
absl::Status ParseResolution(const std::string& text, DatasetOptions* options);

// Every mistake is in one error: unknown keys with the likely one, wrong types,
// keys at the wrong level, values out of range, each with file, line and
// column.
//
// Errors: NOT_FOUND for a missing file or folder; INVALID_ARGUMENT.
absl::StatusOr<DatasetConfig> ReadDatasetConfig(const DatasetRequest& request);

}  // namespace atelier::trainer
