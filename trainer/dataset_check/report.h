// What `dataset check` finds out about a dataset; report_json.h writes it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "trainer/data/dataset_index.h"

namespace atelier::trainer {

struct SubsetCounts {
  int dataset = 0;
  std::string source;  // its folder, or its metadata file
  std::string class_tokens;
  bool is_regularization = false;
  int64_t images = 0;  // that are used, without repeats
  int64_t held_out = 0;
  int64_t repeats = 1;
  int64_t samples = 0;       // an epoch
  int64_t own_captions = 0;  // of the images, those that have one
  int64_t with_alpha = 0;
  int64_t with_mask = 0;  // that weighs the loss
};

// A bucket as training sees it.
struct BucketCounts {
  int dataset = 0;
  int width = 0;
  int height = 0;
  int64_t images = 0;   // without repeats
  int64_t samples = 0;  // an epoch
  int64_t batch_size = 1;
  int64_t batches = 0;      // an epoch
  int64_t last_batch = 0;   // samples in the last one
  double aspect_error = 0;  // mean of absolute values
  double cropped = 0;       // mean share of the resized image that is cut away
  int64_t enlarged = 0;     // images smaller than their bucket
};

struct CaptionCounts {
  int64_t captions = 0;  // one an image
  int64_t empty = 0;
  int64_t distinct = 0;
  int64_t shortest = 0;  // in bytes, like the others
  int64_t longest = 0;
  double mean = 0;
  // The most frequent tags, and the captions of several images, with how many
  // images have them.
  std::vector<std::pair<std::string, int64_t>> tags;
  int64_t distinct_tags = 0;
  std::vector<std::pair<std::string, int64_t>> repeated;
};

struct LongCaption {
  std::string image;
  std::string caption;
  int64_t tokens = 0;
};

// The captions as one tokenizer counts them.
struct TokenCounts {
  std::string tokenizer;
  int64_t limit = 0;  // more are cut off
  double mean = 0;
  int64_t longest = 0;
  int64_t over_limit = 0;             // images
  std::vector<LongCaption> captions;  // the longest, first
};

struct StepCounts {
  int64_t samples_per_epoch = 0;
  int64_t batches_per_epoch = 0;
  int64_t gradient_accumulation_steps = 1;
  int64_t steps_per_epoch = 0;
  int64_t total_epochs = 0;
  int64_t total_steps = 0;
};

using ImageGroups = std::vector<std::vector<std::string>>;

struct DatasetReport {
  std::string architecture;
  int64_t train_images = 0;           // without repeats
  int64_t regularization_images = 0;  // that are used, without repeats
  int64_t train_samples = 0;          // an epoch
  int64_t regularization_samples = 0;
  int64_t held_out = 0;
  std::vector<SubsetCounts> subsets;
  std::vector<BucketCounts> buckets;
  double mean_aspect_error = 0;
  CaptionCounts captions;
  std::vector<TokenCounts> tokens;
  StepCounts steps;
  std::vector<BadFile> broken;
  int64_t decoded = 0;                // images; 0: headers alone were read
  ImageGroups duplicates;             // of the same bytes
  ImageGroups near_duplicates;        // that look alike
  std::vector<std::string> pictures;  // files that were written
  std::vector<std::string> warnings;
  double scan_seconds = 0;
};

}  // namespace atelier::trainer
