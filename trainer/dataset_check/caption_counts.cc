#include "trainer/dataset_check/caption_counts.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/str_split.h"

#include "trainer/data/caption.h"
#include "trainer/data/text_line.h"

namespace atelier::trainer {
namespace {

constexpr size_t kShownTags = 30;
constexpr size_t kShownCaptions = 10;

// Chooses the first of everything.
class FirstChoice : public CaptionRandom {
 public:
  double Uniform() override { return 0.999; }
  int64_t Choose(int64_t /*count*/) override { return 0; }
  std::vector<int64_t> Permute(int64_t count) override {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    return order;
  }
};

using Counted = std::vector<std::pair<std::string, int64_t>>;

// The most frequent, first; of equal ones in the order of the text.
Counted MostFrequent(const std::map<std::string, int64_t>& counts,
                     int64_t at_least, size_t shown) {
  Counted sorted;
  for (const auto& [text, count] : counts) {
    if (count >= at_least && !text.empty()) sorted.emplace_back(text, count);
  }
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const auto& a, const auto& b) { return a.second > b.second; });
  sorted.resize(std::min(sorted.size(), shown));
  return sorted;
}

std::set<std::string> TagsOf(const std::string& caption,
                             const std::string& separator) {
  std::set<std::string> tags;
  if (separator.empty()) return tags;
  for (const absl::string_view tag : absl::StrSplit(caption, separator)) {
    tags.emplace(StripWhitespace(tag));
  }
  tags.erase("");
  return tags;
}

}  // namespace

std::vector<std::string> TextsOf(const SubsetOptions& subset,
                                 const std::string& caption) {
  CaptionOptions options = subset.caption;
  options.shuffle = false;
  options.dropout_rate = options.tag_dropout_rate = 0;
  options.dropout_every_n_epochs = 0;
  options.token_warmup_step = 0;
  std::vector<std::string> texts;
  FirstChoice first;
  for (const absl::string_view line : absl::StrSplit(caption, '\n')) {
    texts.push_back(
        ProcessCaption(options, std::string(line), CaptionMoment(), first));
  }
  return texts;
}

CaptionCounts CountCaptions(const DatasetIndex& index) {
  CaptionCounts counts;
  std::map<std::string, int64_t> tags;
  std::map<std::string, int64_t> captions;
  double bytes = 0;
  for (const DatasetImage& image : index.images) {
    if (image.is_regularization) continue;
    const auto length = static_cast<int64_t>(image.caption.size());
    counts.shortest =
        counts.captions == 0 ? length : std::min(counts.shortest, length);
    counts.longest = std::max(counts.longest, length);
    ++counts.captions;
    counts.empty += length == 0;
    bytes += static_cast<double>(length);
    ++captions[image.caption];
    for (const std::string& tag :
         TagsOf(image.caption, index.subset_of(image).caption.separator)) {
      ++tags[tag];
    }
  }
  if (counts.captions > 0) {
    counts.mean = bytes / static_cast<double>(counts.captions);
  }
  counts.distinct = static_cast<int64_t>(captions.size());
  counts.distinct_tags = static_cast<int64_t>(tags.size());
  counts.tags = MostFrequent(tags, 1, kShownTags);
  counts.repeated = MostFrequent(captions, 2, kShownCaptions);
  return counts;
}

}  // namespace atelier::trainer
