#include "trainer/data/held_out.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
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
  if (subset->face_crop.has_value()) {
    subset->face_crop->max = subset->face_crop->min;
  }
  CaptionOptions& caption = subset->caption;
  caption.shuffle = false;
  caption.dropout_rate = caption.tag_dropout_rate = 0;
  caption.dropout_every_n_epochs = 0;
  caption.token_warmup_step = 0;
}

// Marks a share of the images. All false where split is 0 or there is one
// image only.
std::vector<bool> ChooseShare(const std::vector<const DatasetImage*>& images,
                              double split, uint64_t seed) {
  const auto count = static_cast<int64_t>(images.size());
  std::vector<bool> chosen(images.size(), false);
  if (split <= 0 || count < 2) return chosen;
  std::vector<std::pair<std::string, size_t>> ranked;
  for (size_t i = 0; i < images.size(); ++i) {
    ranked.emplace_back(RankOf(*images[i], seed), i);
  }
  std::sort(ranked.begin(), ranked.end());
  const int64_t wanted = std::clamp<int64_t>(
      std::llround(split * static_cast<double>(count)), 1, count - 1);
  for (int64_t i = 0; i < wanted; ++i) chosen[ranked[i].second] = true;
  return chosen;
}

// Paths of the images that a dataset holds out.
std::set<std::string> ChosenOf(const DatasetOptions& dataset, uint64_t seed,
                               const std::vector<DatasetImage>& images) {
  std::set<std::string> chosen;
  std::vector<const DatasetImage*> others;
  for (const DatasetImage& image : images) {
    if (dataset.subsets[image.subset].is_val) {
      chosen.insert(image.path);
    } else {
      others.push_back(&image);
    }
  }
  const std::vector<bool> share =
      ChooseShare(others, dataset.validation_split, seed);
  for (size_t i = 0; i < others.size(); ++i) {
    if (share[i]) chosen.insert(others[i]->path);
  }
  return chosen;
}

}  // namespace

std::vector<DatasetImage> TakeHeldOut(
    const DatasetConfig& config, uint64_t seed,
    const std::vector<std::vector<DatasetImage>*>& training,
    ConfigReport* report) {
  std::set<std::string> paths;
  for (size_t i = 0; i < training.size(); ++i) {
    const DatasetOptions& dataset = config.datasets[i];
    const auto own_seed = dataset.validation_seed.has_value()
                              ? static_cast<uint64_t>(*dataset.validation_seed)
                              : seed;
    std::set<std::string> chosen = ChosenOf(dataset, own_seed, *training[i]);
    if (dataset.validation_split > 0 && chosen.empty()) {
      report->warnings.push_back(
          absl::StrCat("validation_split holds nothing out of dataset ", i + 1,
                       ", which has ", training[i]->size(),
                       " training images; 2 are needed"));
    }
    paths.merge(chosen);
  }
  std::vector<DatasetImage> held_out;
  for (std::vector<DatasetImage>* images : training) {
    const auto first = std::stable_partition(
        images->begin(), images->end(),
        [&](const auto& image) { return paths.count(image.path) == 0; });
    for (auto image = first; image != images->end(); ++image) {
      image->repeats = 1;
      held_out.push_back(std::move(*image));
    }
    images->erase(first, images->end());
  }
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
