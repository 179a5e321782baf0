#include "trainer/train/batch_parts.h"

namespace atelier::trainer {
namespace {

Tensor RowsOf(const Tensor& tensor, int64_t first, int64_t count) {
  return tensor.defined() ? tensor.narrow(0, first, count) : tensor;
}

template <typename T>
std::vector<T> RowsOf(const std::vector<T>& values, int64_t first,
                      int64_t count) {
  if (values.empty()) return values;
  const auto begin = values.begin() + first;
  return {begin, begin + count};
}

Batch PartOf(const Batch& batch, int64_t first, int64_t count) {
  Batch part;
  part.images = RowsOf(batch.images, first, count);
  part.latents = RowsOf(batch.latents, first, count);
  part.captions = RowsOf(batch.captions, first, count);
  part.geometry = RowsOf(batch.geometry, first, count);
  part.loss_weights = RowsOf(batch.loss_weights, first, count);
  part.loss_mask = RowsOf(batch.loss_mask, first, count);
  part.image_indices = RowsOf(batch.image_indices, first, count);
  if (first == 0) part.warnings = batch.warnings;
  part.epoch = batch.epoch;
  part.index_in_epoch = batch.index_in_epoch;
  return part;
}

}  // namespace

std::vector<Batch> SplitBatch(const Batch& batch, int64_t most) {
  const int64_t size = batch.size();
  if (most <= 0 || size <= most) return {batch};
  const int64_t count = (size + most - 1) / most;
  std::vector<Batch> parts;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i * size / count;
    parts.push_back(PartOf(batch, first, (i + 1) * size / count - first));
  }
  return parts;
}

}  // namespace atelier::trainer
