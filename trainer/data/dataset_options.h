// A dataset as the user described it, with every fallback applied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace atelier::trainer {

// What is done to a caption before it is encoded; see caption.h.
struct CaptionOptions {
  std::string prefix;
  std::string suffix;
  std::string separator = ",";
  std::string keep_tokens_separator;  // empty: none
  std::string secondary_separator;    // empty: none
  bool shuffle = false;
  bool enable_wildcard = false;
  int64_t keep_tokens = 0;
  double dropout_rate = 0;
  int64_t dropout_every_n_epochs = 0;
  double tag_dropout_rate = 0;
  int64_t token_warmup_min = 1;
  double token_warmup_step = 0;  // below 1: a share of the run
};

// The side of a crop over that of the face in it.
struct FaceCropRange {
  double min = 0;
  double max = 0;
};

// One folder of images, or one metadata file.
struct SubsetOptions {
  std::string image_dir;
  std::string metadata_file;  // empty: captions lie beside the images
  std::string class_tokens;   // the caption of images without a caption file
  std::string caption_extension = ".caption";
  int64_t num_repeats = 1;
  bool is_reg = false;
  bool is_val = false;  // held out as a whole
  bool flip_aug = false;
  bool color_aug = false;
  bool random_crop = false;
  std::optional<FaceCropRange> face_crop;
  // Masks of the loss: the images' alpha, and images of the same names.
  bool alpha_mask = false;
  std::string conditioning_data_dir;  // empty: none
  // As in image_transform.h; empty: area when shrinking, Lanczos otherwise.
  std::string resize_interpolation;
  CaptionOptions caption;
};

// Subsets that share a resolution and a batch size.
struct DatasetOptions {
  int width = 0;  // training resolution in pixels; 0: not given
  int height = 0;
  int batch_size = 1;
  bool enable_bucket = false;
  int min_bucket_reso = 256;
  int max_bucket_reso = 1024;
  int bucket_reso_steps = 64;
  bool bucket_no_upscale = false;
  bool exif_orientation = false;  // images are turned as their EXIF data says
  double validation_split = 0;    // share of the training images
  std::optional<int64_t> validation_seed;  // none: the run's
  std::vector<SubsetOptions> subsets;
};

struct DatasetConfig {
  std::vector<DatasetOptions> datasets;
  std::vector<std::string> warnings;
};

}  // namespace atelier::trainer
