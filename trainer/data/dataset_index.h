// The images of a dataset with their sizes and captions, from one scan before
// training. Only headers of images are read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

struct DatasetImage {
  std::string path;
  // Pixels as stored, as sd-scripts takes them; with exif_orientation, of the
  // image turned upright.
  int width = 0;
  int height = 0;
  std::string caption;  // as written; operations on it are in caption.h
  int64_t repeats = 1;  // times an epoch
  bool is_regularization = false;
  double loss_weight = 1;  // prior_loss_weight for regularization images
  int dataset = 0;         // place in DatasetConfig::datasets
  int subset = 0;          // place in its subsets
  int64_t size_bytes = 0;
  std::string head_sha256;  // of the first 4 KiB of the file
  std::string mask_path;    // picture of where the loss counts; empty: none
  std::string mask_sha256;  // of its first 4 KiB
  bool has_own_caption = false;  // not its class tokens, not nothing
  bool has_alpha = false;
  bool has_orientation = false;  // EXIF says that it is not stored upright
};

// A file that cannot be trained on.
struct BadFile {
  std::string image;    // its path
  std::string problem;  // one line that names the file at fault
};

struct ScanOptions {
  double prior_loss_weight = 1;
  // Leave bad files out, with a warning for each.
  bool skip_corrupt_images = false;
  // Decides what validation_split holds out where validation_seed is not given.
  uint64_t seed = 0;
  // Called after each image; a status that is not OK ends the scan with it.
  std::function<absl::Status(int64_t done, int64_t total)> progress;
};

struct DatasetIndex {
  DatasetConfig config;
  // In order of datasets, subsets and file names; training images of a dataset
  // before its regularization images.
  std::vector<DatasetImage> images;
  // Images of validation_split and is_val, which are not among `images`; see
  // held_out.h.
  std::vector<DatasetImage> held_out;
  std::vector<BadFile> bad_files;  // left out, by skip_corrupt_images
  std::vector<std::string> warnings;
  // SHA-256 (hexadecimal) over names, sizes, captions and the first 4 KiB of
  // each image, which the scan has read anyway: copies of a dataset have the
  // same digest, edited images another. For the reproducibility record.
  std::string digest;
  int64_t train_images = 0;           // without repeats
  int64_t regularization_images = 0;  // those that are used, without repeats

  const DatasetOptions& dataset_of(const DatasetImage& image) const {
    return config.datasets[image.dataset];
  }
  const SubsetOptions& subset_of(const DatasetImage& image) const {
    return config.datasets[image.dataset].subsets[image.subset];
  }
};

// Every bad file is in one error: unreadable, truncated, not an image, too
// many pixels, too small, caption that is not UTF-8 or empty, image of a
// metadata file that is not there, folder without images.
//
// Threads: headers and captions are read by one a core.
//
// Errors: NOT_FOUND for missing folders and where no image is left;
// INVALID_ARGUMENT for bad files; what `progress` returned.
absl::StatusOr<DatasetIndex> ScanDataset(const DatasetConfig& config,
                                         const ScanOptions& options);

}  // namespace atelier::trainer
