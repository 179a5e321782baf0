#include "trainer/data/loader.h"

#include <chrono>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "opencv2/core/utility.hpp"

#include "trainer/data/batch_maker.h"
#include "trainer/data/ordered_pipeline.h"

namespace atelier::trainer {
namespace {

int64_t CeilDivide(int64_t count, int64_t size) {
  return (count + size - 1) / size;
}

BatchMakerOptions MakerOptions(const LoaderOptions& options,
                               const BatchSampler& sampler) {
  const int64_t batches_per_step = options.gradient_accumulation_steps;
  return {.seed = options.seed,
          .masks = options.masks,
          .steps_per_epoch =
              CeilDivide(sampler.batches_per_epoch(), batches_per_step),
          .batches_per_step = batches_per_step,
          .max_train_steps = options.max_train_steps,
          .skip_corrupt_images = options.skip_corrupt_images};
}

}  // namespace

// Batches by their number from the first batch of the first epoch. Keeps the
// plans of the two newest epochs, which the threads are at.
class PlanBook {
 public:
  explicit PlanBook(const BatchSampler& sampler) : sampler_(sampler) {}

  PlannedBatch Plan(int64_t number) {
    const int64_t per_epoch = sampler_.batches_per_epoch();
    const int64_t epoch = number / per_epoch + 1;
    std::lock_guard lock(mutex_);
    auto found = epochs_.find(epoch);
    if (found == epochs_.end()) {
      found = epochs_.emplace(epoch, sampler_.Epoch(epoch)).first;
      epochs_.erase(epochs_.begin(), epochs_.lower_bound(epoch - 1));
    }
    return found->second[static_cast<size_t>(number % per_epoch)];
  }

 private:
  const BatchSampler& sampler_;
  std::mutex mutex_;
  std::map<int64_t, std::vector<PlannedBatch>> epochs_;
};

class Loader::Pipeline {
 public:
  Pipeline(const DatasetIndex& index, const BucketLayout& layout,
           const LatentCache* latents, const LoaderOptions& options)
      : sampler_(layout.buckets, options.seed),
        plans_(sampler_),
        maker_(index, layout, latents, MakerOptions(options, sampler_)),
        next_((options.start.epoch - 1) * sampler_.batches_per_epoch() +
              options.start.index),
        batches_(options.threads, std::numeric_limits<int64_t>::max(),
                 [this, first = next_](int64_t number) {
                   return maker_.Make(plans_.Plan(first + number));
                 }) {}

  absl::StatusOr<Batch> Next() {
    const auto begin = std::chrono::steady_clock::now();
    absl::StatusOr<Batch> batch = batches_.Take();
    wait_seconds_ =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
            .count();
    if (!batch.ok()) return batch;
    ++next_;
    // An image is met in every epoch, and spoken of once.
    std::erase_if(batch->warnings, [this](const std::string& warning) {
      return !told_.insert(warning).second;
    });
    return batch;
  }

  BatchPosition position() const {
    const int64_t per_epoch = sampler_.batches_per_epoch();
    return {.epoch = next_ / per_epoch + 1, .index = next_ % per_epoch};
  }

  const BatchSampler& sampler() const { return sampler_; }
  double wait_seconds() const { return wait_seconds_; }

 private:
  BatchSampler sampler_;
  PlanBook plans_;
  BatchMaker maker_;
  int64_t next_;
  double wait_seconds_ = 0;
  std::set<std::string> told_;  // warnings
  // Last: its threads use everything above.
  OrderedPipeline<Batch> batches_;
};

Loader::Loader(const DatasetIndex& index, const BucketLayout& layout,
               const LatentCache* latents, const LoaderOptions& options) {
  // One image a thread; OpenCV's own threads would only get in the way.
  cv::setNumThreads(1);
  pipeline_ = std::make_unique<Pipeline>(index, layout, latents, options);
}

Loader::~Loader() = default;

absl::StatusOr<Batch> Loader::Next() { return pipeline_->Next(); }

BatchPosition Loader::position() const { return pipeline_->position(); }

int64_t Loader::batches_per_epoch() const {
  return pipeline_->sampler().batches_per_epoch();
}

double Loader::last_wait_seconds() const { return pipeline_->wait_seconds(); }

}  // namespace atelier::trainer
