#include "trainer/data/config/dataset_checks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "trainer/data/bucket.h"

namespace atelier::trainer {
namespace {

void CheckBuckets(const DatasetOptions& dataset, const DatasetRequest& request,
                  const std::string& where, ConfigReport* report) {
  const int step = dataset.bucket_reso_steps;
  if (step % request.bucket_step_px != 0) {
    report->errors.push_back(absl::StrCat(where, "bucket_reso_steps is ", step,
                                          "; must be a multiple of ",
                                          request.bucket_step_px));
    return;
  }
  const int shorter = std::min(dataset.width, dataset.height);
  const int longer = std::max(dataset.width, dataset.height);
  if (dataset.bucket_no_upscale) {
    if (shorter < step) {
      report->errors.push_back(
          absl::StrCat(where, "resolution ", dataset.width, "x", dataset.height,
                       " has a side below bucket_reso_steps, ", step));
    }
    return;
  }
  const BucketOptions rounded = BucketOptionsOf(dataset);
  if (rounded.min_size != dataset.min_bucket_reso) {
    report->warnings.push_back(absl::StrCat(
        where, "min_bucket_reso ", dataset.min_bucket_reso,
        " is rounded down to ", rounded.min_size, ", a multiple of ", step));
  }
  if (rounded.max_size != dataset.max_bucket_reso) {
    report->warnings.push_back(absl::StrCat(
        where, "max_bucket_reso ", dataset.max_bucket_reso,
        " is rounded up to ", rounded.max_size, ", a multiple of ", step));
  }
  if (rounded.min_size < step) {
    report->errors.push_back(
        absl::StrCat(where, "min_bucket_reso is ", dataset.min_bucket_reso,
                     "; must be at least bucket_reso_steps, ", step));
  } else if (shorter < rounded.min_size) {
    report->errors.push_back(absl::StrCat(
        where, "min_bucket_reso is ", dataset.min_bucket_reso,
        ", above the shorter side of resolution ", dataset.width, "x",
        dataset.height, "; lower it or raise the resolution"));
  }
  if (longer > rounded.max_size) {
    report->errors.push_back(absl::StrCat(
        where, "max_bucket_reso is ", dataset.max_bucket_reso,
        ", below the longer side of resolution ", dataset.width, "x",
        dataset.height, "; raise it or lower the resolution"));
  }
}

void CheckOneShape(const DatasetOptions& dataset, const DatasetRequest& request,
                   const std::string& where, ConfigReport* report) {
  const int cell = request.latent_scale;
  if (dataset.width % cell == 0 && dataset.height % cell == 0) return;
  const int width = std::max(dataset.width / cell * cell, cell);
  const int height = std::max(dataset.height / cell * cell, cell);
  report->errors.push_back(
      absl::StrCat(where, "resolution is ", dataset.width, "x", dataset.height,
                   "; without enable_bucket its sides must be multiples of ",
                   cell, ", for example ", width, "x", height));
}

void CheckSubset(const DatasetOptions& dataset, const SubsetOptions& subset,
                 const DatasetRequest& request, const std::string& where,
                 ConfigReport* report) {
  const std::string& name =
      subset.image_dir.empty() ? subset.metadata_file : subset.image_dir;
  const auto require = [&](bool holds, const std::string& key,
                           const char* problem) {
    if (holds) return;
    report->errors.push_back(
        absl::StrCat(where, key, " of ", name, " ", problem));
  };
  require(!request.cache_latents || !subset.color_aug, "color_aug",
          "has no effect on cached latents; leave it or cache_latents out");
  require(!request.cache_latents || !subset.random_crop, "random_crop",
          "has no effect on cached latents; leave it or cache_latents out");
  require(!subset.is_reg || !subset.is_val, "is_val",
          "cannot be with is_reg: regularization images are never held out");
  require(!subset.is_reg || subset.metadata_file.empty(), "is_reg",
          "needs captions beside the images, not a metadata_file");
  require(request.masked_loss || subset.conditioning_data_dir.empty(),
          "conditioning_data_dir",
          "needs the option masked_loss; set it, or leave the key out");
  if (subset.face_crop.has_value() &&
      (dataset.enable_bucket || request.cache_latents)) {
    report->WarnOnce(absl::StrCat(
        "face_crop_aug_range has no effect with ",
        dataset.enable_bucket ? "enable_bucket" : "cache_latents"));
  }
}

}  // namespace

void CheckDataset(const DatasetOptions& dataset, const DatasetRequest& request,
                  const std::string& where, ConfigReport* report) {
  if (dataset.width <= 0 || dataset.height <= 0) {
    report->errors.push_back(absl::StrCat(
        where,
        "no resolution is given; set it in the dataset or as an option"));
  } else if (dataset.enable_bucket) {
    CheckBuckets(dataset, request, where, report);
  } else {
    CheckOneShape(dataset, request, where, report);
  }
  for (const SubsetOptions& subset : dataset.subsets) {
    CheckSubset(dataset, subset, request, where, report);
  }
}

void WarnOfUnusedOptions(const DatasetConfig& config,
                         const DatasetRequest& request, ConfigReport* report) {
  bool has_masks = false;
  for (const DatasetOptions& dataset : config.datasets) {
    for (const SubsetOptions& subset : dataset.subsets) {
      has_masks = has_masks || !subset.conditioning_data_dir.empty();
    }
  }
  if (request.masked_loss && !has_masks) {
    report->warnings.push_back(
        "masked_loss has no effect: no subset has a conditioning_data_dir "
        "(alpha_mask works without it)");
  }
}

}  // namespace atelier::trainer
