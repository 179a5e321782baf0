#include "trainer/memory/pinned_memory.h"

#include <algorithm>
#include <bit>

namespace atelier::trainer {
namespace {

constexpr size_t kMostInAPiece = 8;

// How many of the sizes from `first` on share a piece: as many as leave the
// smallest part of it empty.
size_t ChooseCount(const std::vector<int64_t>& sizes, size_t first) {
  const size_t most = std::min(kMostInAPiece, sizes.size() - first);
  size_t best = 1;
  double best_use = 0;
  int64_t total = 0;
  for (size_t count = 1; count <= most; ++count) {
    total += sizes[first + count - 1];
    const auto piece = std::bit_ceil(static_cast<uint64_t>(total));
    const double use = static_cast<double>(total) / static_cast<double>(piece);
    if (use > best_use) {
      best_use = use;
      best = count;
    }
  }
  return best;
}

}  // namespace

std::vector<Tensor> PinnedMemory(const std::vector<int64_t>& sizes) {
  std::vector<Tensor> result;
  while (result.size() < sizes.size()) {
    const size_t first = result.size();
    const size_t count = ChooseCount(sizes, first);
    int64_t total = 0;
    for (size_t i = first; i < first + count; ++i) total += sizes[i];
    const Tensor piece =
        torch::empty({total}, torch::dtype(torch::kUInt8).pinned_memory(true));
    int64_t offset = 0;
    for (size_t i = first; i < first + count; ++i) {
      result.push_back(piece.narrow(0, offset, sizes[i]));
      offset += sizes[i];
    }
  }
  return result;
}

}  // namespace atelier::trainer
