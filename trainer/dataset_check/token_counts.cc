#include "trainer/dataset_check/token_counts.h"

#include <algorithm>
#include <numeric>

#include "trainer/data/parallel_for.h"
#include "trainer/dataset_check/caption_counts.h"

namespace atelier::trainer {
namespace {

constexpr size_t kShownLongest = 5;

// Tokens of each image's caption.
std::vector<int64_t> CountEach(const DatasetIndex& index,
                               const CaptionLength& length) {
  std::vector<int64_t> tokens(index.images.size());
  const auto count_one = [&](int64_t number) {
    const DatasetImage& image = index.images[number];
    for (const std::string& text :
         TextsOf(index.subset_of(image), image.caption)) {
      tokens[number] = std::max(tokens[number], length.count(text));
    }
  };
  ParallelFor(static_cast<int64_t>(tokens.size()), count_one).IgnoreError();
  return tokens;
}

TokenCounts CountOne(const DatasetIndex& index, const CaptionLength& length) {
  const std::vector<int64_t> tokens = CountEach(index, length);
  TokenCounts counts;
  counts.tokenizer = length.tokenizer;
  counts.limit = length.limit;
  std::vector<size_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return tokens[a] > tokens[b]; });
  for (const int64_t count : tokens) {
    counts.mean += static_cast<double>(count);
    counts.over_limit += count > length.limit;
  }
  if (tokens.empty()) return counts;
  counts.mean /= static_cast<double>(tokens.size());
  counts.longest = tokens[order.front()];
  order.resize(std::min(order.size(), kShownLongest));
  for (const size_t image : order) {
    counts.captions.push_back(
        {index.images[image].path, index.images[image].caption, tokens[image]});
  }
  return counts;
}

}  // namespace

std::vector<TokenCounts> CountTokens(
    const DatasetIndex& index, const std::vector<CaptionLength>& lengths) {
  std::vector<TokenCounts> counts;
  for (const CaptionLength& length : lengths) {
    counts.push_back(CountOne(index, length));
  }
  return counts;
}

}  // namespace atelier::trainer
