#include "trainer/data/held_out.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

std::string RankOf(const DatasetImage& image, uint64_t seed) {
  const std::filesystem::path path = image.path;
  return Sha256Of(absl::StrCat(seed, "\n",
                               path.parent_path().filename().string(), "/",
                               path.filename().string()));
}

void TakeRandomnessOut(SubsetOptions* subset) {
  subset->num_repeats = 1;
  subset->flip_aug = subset->color_aug = subset->random_crop = false;
  CaptionOptions& caption = subset->caption;
  caption.shuffle = false;
  caption.dropout_rate = caption.tag_dropout_rate = 0;
  caption.dropout_every_n_epochs = 0;
  caption.token_warmup_step = 0;
}

}  // namespace

std::vector<bool> ChooseHeldOut(const std::vector<DatasetImage>& images,
                                double split, uint64_t seed) {
  const auto count = static_cast<int64_t>(images.size());
  std::vector<bool> held_out(images.size(), false);
  if (split <= 0 || count < 2) return held_out;
  std::vector<std::pair<std::string, size_t>> ranked;
  for (size_t i = 0; i < images.size(); ++i) {
    ranked.emplace_back(RankOf(images[i], seed), i);
  }
  std::sort(ranked.begin(), ranked.end());
  const int64_t chosen = std::clamp<int64_t>(
      std::llround(split * static_cast<double>(count)), 1, count - 1);
  for (int64_t i = 0; i < chosen; ++i) held_out[ranked[i].second] = true;
  return held_out;
}

DatasetIndex HeldOutIndex(const DatasetIndex& index) {
  DatasetIndex held_out;
  held_out.config = index.config;
  held_out.config.warnings.clear();
  held_out.images = index.held_out;
  held_out.train_images = static_cast<int64_t>(index.held_out.size());
  for (DatasetOptions& dataset : held_out.config.datasets) {
    for (SubsetOptions& subset : dataset.subsets) TakeRandomnessOut(&subset);
  }
  return held_out;
}

}  // namespace atelier::trainer
