#include "trainer/data/batch_sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "trainer/tensor/rng.h"

namespace atelier::trainer {
namespace {

template <typename T>
void ShuffleWith(Rng& rng, std::vector<T>& items) {
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[rng.Below(i)]);
  }
}

int64_t BatchCount(const Bucket& bucket) {
  const auto images = static_cast<int64_t>(bucket.images.size());
  return (images + bucket.batch_size - 1) / bucket.batch_size;
}

// Every image goes to the one bucket: the resolution.
Placement PlaceAtResolution(const DatasetOptions& dataset, ImageSize image) {
  Placement placement;
  placement.bucket = {dataset.width, dataset.height};
  placement.resized = CoverSize(image, placement.bucket);
  placement.aspect_error = dataset.width / static_cast<double>(dataset.height) -
                           image.width / static_cast<double>(image.height);
  return placement;
}

Placement PlaceInBuckets(BucketSet& buckets, ImageSize image) {
  const BucketChoice choice = buckets.Select(image);
  Placement placement;
  placement.bucket = choice.bucket;
  placement.resized = choice.resized;
  placement.aspect_error = choice.aspect_error;
  return placement;
}

// The buckets of one dataset; fills its images' placements.
std::vector<Bucket> MakeDatasetBuckets(const DatasetIndex& index, int dataset,
                                       std::vector<Placement>& placements) {
  const DatasetOptions& options = index.config.datasets[dataset];
  BucketSet chosen(BucketOptionsOf(options));
  std::map<ImageSize, std::vector<int64_t>> images;
  for (size_t i = 0; i < index.images.size(); ++i) {
    const DatasetImage& image = index.images[i];
    if (image.dataset != dataset) continue;
    const ImageSize size = {image.width, image.height};
    Placement& placement = placements[i];
    placement = options.enable_bucket ? PlaceInBuckets(chosen, size)
                                      : PlaceAtResolution(options, size);
    placement.crop = FittedCrop(placement.bucket, size);
    images[placement.bucket].insert(images[placement.bucket].end(),
                                    static_cast<size_t>(image.repeats),
                                    static_cast<int64_t>(i));
  }
  std::vector<Bucket> buckets;
  for (auto& [size, members] : images) {
    buckets.push_back({.dataset = dataset,
                       .size = size,
                       .batch_size = options.batch_size,
                       .images = std::move(members)});
  }
  return buckets;
}

}  // namespace

BucketLayout MakeBuckets(const DatasetIndex& index) {
  BucketLayout layout;
  layout.placements.resize(index.images.size());
  for (size_t i = 0; i < index.config.datasets.size(); ++i) {
    std::vector<Bucket> buckets =
        MakeDatasetBuckets(index, static_cast<int>(i), layout.placements);
    layout.buckets.insert(layout.buckets.end(),
                          std::make_move_iterator(buckets.begin()),
                          std::make_move_iterator(buckets.end()));
  }
  double error = 0;
  for (const Placement& placement : layout.placements) {
    error += std::abs(placement.aspect_error);
  }
  if (!layout.placements.empty()) {
    layout.mean_aspect_error =
        error / static_cast<double>(layout.placements.size());
  }
  return layout;
}

BucketsMade ReportBuckets(const DatasetIndex& index,
                          const BucketLayout& layout) {
  BucketsMade report;
  for (const Bucket& bucket : layout.buckets) {
    report.buckets.push_back(
        {.width = bucket.size.width,
         .height = bucket.size.height,
         .images = static_cast<int64_t>(bucket.images.size()),
         .batches = BatchCount(bucket)});
    report.batches_per_epoch += BatchCount(bucket);
  }
  report.mean_aspect_error = layout.mean_aspect_error;
  report.train_images = index.train_images;
  report.regularization_images = index.regularization_images;
  return report;
}

BatchSampler::BatchSampler(std::vector<Bucket> buckets, uint64_t seed)
    : buckets_(std::move(buckets)), seed_(seed) {
  for (const Bucket& bucket : buckets_) {
    batches_per_epoch_ += BatchCount(bucket);
    samples_per_epoch_ += static_cast<int64_t>(bucket.images.size());
  }
}

std::vector<PlannedBatch> BatchSampler::Epoch(int64_t epoch) const {
  // Images within their bucket first, then the batches of all buckets. One
  // stream draws both, in the order of the buckets.
  Rng rng(seed_, RngPurpose::kEpochOrder, static_cast<uint64_t>(epoch), 0);
  std::vector<PlannedBatch> batches;
  for (const Bucket& bucket : buckets_) {
    std::vector<int64_t> images = bucket.images;
    ShuffleWith(rng, images);
    const auto count = static_cast<int64_t>(images.size());
    for (int64_t begin = 0; begin < count; begin += bucket.batch_size) {
      const int64_t end = std::min<int64_t>(begin + bucket.batch_size, count);
      PlannedBatch& batch = batches.emplace_back();
      batch.bucket = bucket.size;
      batch.images.assign(images.begin() + begin, images.begin() + end);
    }
  }
  ShuffleWith(rng, batches);
  int64_t sample = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    batches[i].position = {.epoch = epoch, .index = static_cast<int64_t>(i)};
    batches[i].first_sample = sample;
    sample += static_cast<int64_t>(batches[i].images.size());
  }
  return batches;
}

}  // namespace atelier::trainer
