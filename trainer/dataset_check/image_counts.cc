#include "trainer/dataset_check/image_counts.h"

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "trainer/data/loss_mask.h"

namespace atelier::trainer {
namespace {

using SubsetPlace = std::pair<int, int>;

std::map<SubsetPlace, SubsetCounts> NameSubsets(const DatasetConfig& config) {
  std::map<SubsetPlace, SubsetCounts> subsets;
  for (size_t i = 0; i < config.datasets.size(); ++i) {
    const std::vector<SubsetOptions>& options = config.datasets[i].subsets;
    for (size_t j = 0; j < options.size(); ++j) {
      SubsetCounts& counts =
          subsets[{static_cast<int>(i), static_cast<int>(j)}];
      counts.dataset = static_cast<int>(i);
      counts.source = options[j].metadata_file.empty()
                          ? options[j].image_dir
                          : options[j].metadata_file;
      counts.class_tokens = options[j].class_tokens;
      counts.is_regularization = options[j].is_reg;
      counts.repeats = options[j].num_repeats;
    }
  }
  return subsets;
}

double CroppedShare(const Placement& placement) {
  const double resized =
      static_cast<double>(placement.resized.width) * placement.resized.height;
  const double kept =
      static_cast<double>(placement.bucket.width) * placement.bucket.height;
  return resized > 0 ? 1 - kept / resized : 0;
}

BucketCounts CountBucket(const DatasetIndex& index, const BucketLayout& layout,
                         const Bucket& bucket) {
  BucketCounts counts;
  counts.dataset = bucket.dataset;
  counts.width = bucket.size.width;
  counts.height = bucket.size.height;
  counts.samples = static_cast<int64_t>(bucket.images.size());
  counts.batch_size = bucket.batch_size;
  counts.batches = (counts.samples + counts.batch_size - 1) / counts.batch_size;
  counts.last_batch = counts.samples - (counts.batches - 1) * counts.batch_size;
  const std::set<int64_t> images(bucket.images.begin(), bucket.images.end());
  counts.images = static_cast<int64_t>(images.size());
  for (const int64_t image : images) {
    const Placement& placement = layout.placements[image];
    counts.aspect_error += std::abs(placement.aspect_error);
    counts.cropped += CroppedShare(placement);
    counts.enlarged += index.images[image].width < placement.resized.width;
  }
  counts.aspect_error /= static_cast<double>(counts.images);
  counts.cropped /= static_cast<double>(counts.images);
  return counts;
}

}  // namespace

void CountImages(const DatasetIndex& index, const BucketLayout& layout,
                 DatasetReport* report) {
  report->train_images = index.train_images;
  report->regularization_images = index.regularization_images;
  report->held_out = static_cast<int64_t>(index.held_out.size());
  report->mean_aspect_error = layout.mean_aspect_error;
  std::map<SubsetPlace, SubsetCounts> subsets = NameSubsets(index.config);
  for (const DatasetImage& image : index.images) {
    SubsetCounts& counts = subsets[{image.dataset, image.subset}];
    ++counts.images;
    counts.samples += image.repeats;
    counts.own_captions += image.has_own_caption;
    counts.with_alpha += image.has_alpha;
    counts.with_mask += HasMask(index, image);
    (image.is_regularization ? report->regularization_samples
                             : report->train_samples) += image.repeats;
  }
  for (const DatasetImage& image : index.held_out) {
    ++subsets[{image.dataset, image.subset}].held_out;
  }
  for (auto& [place, counts] : subsets) {
    report->subsets.push_back(std::move(counts));
  }
  for (const Bucket& bucket : layout.buckets) {
    report->buckets.push_back(CountBucket(index, layout, bucket));
  }
}

}  // namespace atelier::trainer
