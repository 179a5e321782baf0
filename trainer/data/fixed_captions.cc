#include "trainer/data/fixed_captions.h"

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"

#include "trainer/data/caption.h"
#include "trainer/data/subset_images.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

constexpr char kTextFolder[] = ".atelier_text";

// The option that lets captions of a subset change from step to step; empty:
// none does.
std::string WhatChanges(const CaptionOptions& options) {
  if (options.shuffle) return "shuffle_caption";
  if (options.enable_wildcard) return "enable_wildcard";
  if (options.tag_dropout_rate > 0) return "caption_tag_dropout_rate";
  if (options.token_warmup_step > 0) return "token_warmup_step";
  return "";
}

std::string FixedText(CaptionOptions options, const std::string& caption) {
  options.dropout_rate = 0;
  options.dropout_every_n_epochs = 0;
  StreamCaptionRandom unused(Rng(0, RngPurpose::kCaption, 0, 0));
  return ProcessCaption(options, caption, CaptionMoment(), unused);
}

// Every caption once, in the order of their first images.
class CaptionList {
 public:
  FixedCaption& Add(const std::string& text, const DatasetImage& image) {
    const auto [found, is_new] = places_.emplace(text, captions_.size());
    if (is_new) {
      const fs::path folder = fs::path(image.path).parent_path() / kTextFolder;
      captions_.push_back({text, folder.string()});
    }
    return captions_[found->second];
  }
  std::vector<FixedCaption> Finish() && { return std::move(captions_); }

 private:
  std::vector<FixedCaption> captions_;
  std::map<std::string, size_t> places_;
};

std::string SourceOf(const DatasetImage& image, const SubsetOptions& subset) {
  if (!image.has_own_caption) return "";
  return subset.metadata_file.empty()
             ? FindCaptionFile(image.path, subset.caption_extension)
             : subset.metadata_file;
}

}  // namespace

absl::StatusOr<std::vector<FixedCaption>> FixedCaptions(
    const DatasetIndex& index) {
  CaptionList captions;
  for (const DatasetImage& image : index.images) {
    const SubsetOptions& subset = index.subset_of(image);
    const std::string what = WhatChanges(subset.caption);
    if (!what.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cache_text_encoder_outputs needs captions that stay the same, but ",
          what, " of the subset ",
          subset.image_dir.empty() ? subset.metadata_file : subset.image_dir,
          " changes them; leave out one of the two"));
    }
    const std::string text = FixedText(subset.caption, image.caption);
    FixedCaption& caption = captions.Add(text, image);
    if (text == image.caption) {
      caption.images.push_back({image.path, SourceOf(image, subset)});
    }
    if (subset.caption.dropout_rate > 0 ||
        subset.caption.dropout_every_n_epochs > 0) {
      captions.Add("", image);
    }
  }
  return std::move(captions).Finish();
}

}  // namespace atelier::trainer
