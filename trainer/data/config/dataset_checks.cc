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
    const std::string& name =
        subset.image_dir.empty() ? subset.metadata_file : subset.image_dir;
    if (request.cache_latents && (subset.color_aug || subset.random_crop)) {
      report->errors.push_back(absl::StrCat(
          where, subset.color_aug ? "color_aug" : "random_crop", " of ", name,
          " has no effect on cached latents; leave it or cache_latents out"));
    }
    if (subset.is_reg && subset.is_val) {
      report->errors.push_back(absl::StrCat(
          where, "is_val of ", name,
          " cannot be with is_reg: regularization images are never held out"));
    }
    if (subset.is_reg && !subset.metadata_file.empty()) {
      report->errors.push_back(absl::StrCat(
          where, "is_reg of ", name,
          " needs captions beside the images, not a metadata_file"));
    }
  }
}

}  // namespace atelier::trainer
