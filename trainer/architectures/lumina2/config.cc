#include "trainer/architectures/lumina2/config.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::lumina2 {
namespace {

// Names of tensors in one layout that tell sizes.
struct SizeNames {
  const char* caption;
  const char* time;
  const char* query;         // of a block; the keys' and values' rows too, or
  const char* key;           // apart here
  const char* feed_forward;  // of a block
};
constexpr SizeNames kOriginal = {
    "cap_embedder.1.weight", "t_embedder.mlp.2.weight", "attention.qkv.weight",
    "", "feed_forward.w1.weight"};
constexpr SizeNames kDiffusers = {
    "time_caption_embed.caption_embedder.1.weight",
    "time_caption_embed.timestep_embedder.linear_2.weight", "attn.to_q.weight",
    "attn.to_k.weight", "feed_forward.linear_1.weight"};

const SizeNames& NamesOf(const NextDitLayout& layout) {
  return layout.is_diffusers ? kDiffusers : kOriginal;
}

// One more than the largest number in `begin` + number + `.`, so that a block
// that is missing in between is named. No more than there are tensors.
int64_t CountBlocks(const TensorIndex& index, const std::string& begin) {
  const auto most = static_cast<int64_t>(index.size());
  int64_t count = 0;
  for (auto entry = index.lower_bound(begin);
       entry != index.end() && entry->first.starts_with(begin); ++entry) {
    const std::string rest = entry->first.substr(begin.size());
    int64_t number = 0;
    if (absl::SimpleAtoi(rest.substr(0, rest.find('.')), &number)) {
      count = std::max(count, std::min(number, most - 1) + 1);
    }
  }
  return count;
}

// Rows of the first list's first block that has the tensor.
int64_t BlockRows(const TensorIndex& index, const std::string& prefix,
                  const char* name, int64_t fallback) {
  for (const char* list : {"layers.0.", "noise_refiner.0."}) {
    fallback = SizeAt(index, absl::StrCat(prefix, list, name), 0, fallback);
  }
  return fallback;
}

}  // namespace

std::optional<NextDitLayout> FindNextDit(const TensorIndex& index) {
  const NextDitLayout layouts[] = {{"", false},
                                   {"model.diffusion_model.", false},
                                   {"transformer/", true},
                                   {"", true}};
  for (const NextDitLayout& layout : layouts) {
    if (index.contains(layout.prefix + NamesOf(layout).caption) &&
        HasPrefix(index, layout.prefix + "noise_refiner.")) {
      return layout;
    }
  }
  return std::nullopt;
}

NextDitConfig ReadNextDitConfig(const TensorIndex& index,
                                const NextDitLayout& layout) {
  const std::string& prefix = layout.prefix;
  const SizeNames& names = NamesOf(layout);
  NextDitConfig config;
  config.width = SizeAt(index, prefix + "x_embedder.weight", 0, config.width);
  config.patch_channels =
      SizeAt(index, prefix + "x_embedder.weight", 1, config.patch_channels);
  config.caption_width =
      SizeAt(index, prefix + names.caption, 1, config.caption_width);
  config.modulation_width =
      SizeAt(index, prefix + names.time, 0, config.modulation_width);
  config.feed_forward =
      BlockRows(index, prefix, names.feed_forward, 4 * config.width);
  config.heads = config.width / kHeadDim;
  if (layout.is_diffusers) {
    config.key_value_heads =
        BlockRows(index, prefix, names.key, config.width) / kHeadDim;
  } else {
    // Rows of qkv: the queries', then as many each of the keys' and values'.
    const int64_t rows =
        BlockRows(index, prefix, names.query, 3 * config.width);
    config.key_value_heads = (rows / kHeadDim - config.heads) / 2;
  }
  config.layers = CountBlocks(index, prefix + "layers.");
  config.noise_refiners = CountBlocks(index, prefix + "noise_refiner.");
  config.context_refiners = CountBlocks(index, prefix + "context_refiner.");
  return config;
}

std::optional<std::string> Detect(const TensorIndex& index) {
  const std::optional<NextDitLayout> layout = FindNextDit(index);
  if (!layout.has_value()) return std::nullopt;
  return absl::StrCat("Lumina Image 2",
                      layout->is_diffusers ? ", Diffusers" : "");
}

}  // namespace atelier::trainer::lumina2
