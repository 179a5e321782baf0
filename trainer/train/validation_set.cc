#include "trainer/train/validation_set.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "proto/cc/status_macros.h"
#include "trainer/data/batch_maker.h"

namespace atelier::trainer {
namespace {

// Nothing is drawn from it that could show: captions and pictures are fixed.
constexpr uint64_t kSeed = 0;

// As many training images as are held out, evenly spread, each once.
std::vector<DatasetImage> SpreadImages(const DatasetIndex& training,
                                       size_t count) {
  std::vector<DatasetImage> all;
  for (const DatasetImage& image : training.images) {
    if (!image.is_regularization) all.push_back(image);
  }
  count = std::min(count, all.size());
  std::vector<DatasetImage> chosen;
  for (size_t i = 0; i < count; ++i) {
    chosen.push_back(all[i * all.size() / count]);
    chosen.back().repeats = 1;
  }
  return chosen;
}

}  // namespace

std::vector<PlannedBatch> ProbedImages::Plan(int64_t most) const {
  if (index.images.empty()) return {};
  std::vector<PlannedBatch> plan = BatchSampler(layout.buckets, kSeed).Epoch(1);
  if (most > 0 && std::ssize(plan) > most) {
    plan.resize(static_cast<size_t>(most));
  }
  return plan;
}

absl::StatusOr<Batch> ProbedImages::Make(const PlannedBatch& plan) const {
  BatchMakerOptions options;
  options.seed = kSeed;
  return BatchMaker(index, layout, latents.get(), options).Make(plan);
}

absl::StatusOr<std::unique_ptr<ValidationSet>> ValidationSet::Make(
    const DatasetIndex& training, const DatasetIndex& held_out,
    const Encode& encode) {
  if (held_out.images.empty()) return nullptr;
  auto set = std::make_unique<ValidationSet>();
  set->held_out.index = held_out;
  set->trained.index = held_out;
  set->trained.index.images = SpreadImages(training, held_out.images.size());
  for (ProbedImages* images : {&set->held_out, &set->trained}) {
    images->layout = MakeBuckets(images->index);
    if (images->index.images.empty()) continue;
    ASSIGN_OR_RETURN(images->latents, encode(images->index, images->layout));
  }
  return set;
}

absl::Status AddCaptions(const ValidationSet& set,
                         std::vector<FixedCaption>& captions) {
  std::set<std::string> known;
  for (const FixedCaption& caption : captions) known.insert(caption.text);
  for (const ProbedImages* images : {&set.held_out, &set.trained}) {
    ASSIGN_OR_RETURN(std::vector<FixedCaption> more,
                     FixedCaptions(images->index));
    for (FixedCaption& caption : more) {
      if (!known.insert(caption.text).second) continue;
      captions.push_back(std::move(caption));
    }
  }
  return absl::OkStatus();
}

}  // namespace atelier::trainer
