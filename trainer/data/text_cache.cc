#include "trainer/data/text_cache.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/caption.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

// Of what is stored: changes when older files must not be used any more.
constexpr char kFormat[] = "2";
constexpr char kTextFolder[] = ".atelier_text";
constexpr char kCaptionKey[] = "caption_sha256";
constexpr char kPlacesKey[] = "places";  // undefined ones have no tensor
constexpr size_t kMostPlaces = 64;

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

std::string PathOf(const FixedCaption& caption, const std::string& encoders) {
  Sha256 digest;
  digest.Update(kFormat);
  digest.Update(encoders);
  digest.Update(caption.text);
  return absl::StrCat(caption.folder, "/", digest.Finish(), ".safetensors");
}

// Errors: NOT_FOUND where there is none; DATA_LOSS for one that is damaged.
absl::StatusOr<std::vector<Tensor>> ReadRows(const std::string& path,
                                             const std::string& text) {
  std::error_code error;
  if (!fs::exists(path, error)) return absl::NotFoundError(path);
  ASSIGN_OR_RETURN(const auto source, OpenCheckpoint(path));
  const auto& metadata = source->metadata();
  const auto found = metadata.find(kCaptionKey);
  if (found == metadata.end() || found->second != Sha256Of(text)) {
    return absl::DataLossError(absl::StrCat(path, ": not of this caption"));
  }
  const auto places = metadata.find(kPlacesKey);
  size_t count = 0;
  if (places == metadata.end() || !absl::SimpleAtoi(places->second, &count) ||
      count > kMostPlaces) {
    return absl::DataLossError(absl::StrCat(path, ": no number of places"));
  }
  std::vector<Tensor> rows(count);
  for (const auto& [name, info] : source->index()) {
    size_t place = 0;
    if (!absl::SimpleAtoi(name, &place) || place >= count) {
      return absl::DataLossError(absl::StrCat(path, ": unexpected ", name));
    }
    ASSIGN_OR_RETURN(const Tensor tensor, source->Read(name));
    rows[place] = tensor.clone();
  }
  return rows;
}

absl::Status WriteRows(const std::string& path, const std::string& text,
                       const std::vector<Tensor>& rows) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  std::map<std::string, Tensor> tensors;
  for (size_t place = 0; place < rows.size(); ++place) {
    if (rows[place].defined()) tensors[absl::StrCat(place)] = rows[place];
  }
  const auto saved = WriteSafetensors(
      path, tensors,
      {{kCaptionKey, Sha256Of(text)}, {kPlacesKey, absl::StrCat(rows.size())}});
  return saved.status();
}

absl::Status CheckFiniteRows(const std::vector<Tensor>& rows,
                             const std::string& text) {
  for (const Tensor& row : rows) {
    if (!row.defined() || !row.is_floating_point()) continue;
    if (row.isfinite().all().item<bool>()) continue;
    return absl::OutOfRangeError(
        absl::StrCat("the text encoders' outputs for the caption `", text,
                     "` are not finite; try mixed_precision bf16 or no"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<FixedCaption>> FixedCaptions(
    const DatasetIndex& index) {
  std::vector<FixedCaption> captions;
  std::set<std::string> known;
  const auto add = [&](const std::string& text, const DatasetImage& image) {
    if (!known.insert(text).second) return;
    const fs::path folder = fs::path(image.path).parent_path() / kTextFolder;
    captions.push_back({text, folder.string()});
  };
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
    add(FixedText(subset.caption, image.caption), image);
    if (subset.caption.dropout_rate > 0 ||
        subset.caption.dropout_every_n_epochs > 0) {
      add("", image);
    }
  }
  return captions;
}

// The work of TextCache::Make.
class TextCaching {
 public:
  TextCaching(const std::vector<FixedCaption>& captions,
              const TextCacheOptions& options, const EncodeCaptions& encode)
      : captions_(captions), options_(options), encode_(encode) {}

  absl::StatusOr<std::unique_ptr<TextCache>> Run() {
    for (const FixedCaption& caption : captions_) {
      if (options_.to_disk && TakeFromDisk(caption)) continue;
      waiting_.push_back(&caption);
    }
    RETURN_IF_ERROR(Report());
    const auto batch = static_cast<size_t>(std::max(1, options_.batch_size));
    for (size_t at = 0; at < waiting_.size(); at += batch) {
      const size_t count = std::min(batch, waiting_.size() - at);
      RETURN_IF_ERROR(EncodeBatch(absl::MakeSpan(waiting_).subspan(at, count)));
      RETURN_IF_ERROR(Report());
    }
    return std::move(cache_);
  }

 private:
  bool TakeFromDisk(const FixedCaption& caption) {
    const std::string path = PathOf(caption, options_.encoder_digest);
    absl::StatusOr<std::vector<Tensor>> rows = ReadRows(path, caption.text);
    if (!rows.ok()) {
      if (!absl::IsNotFound(rows.status())) {
        cache_->report_.warnings.push_back(
            absl::StrCat(rows.status().message(), "; it is made again"));
      }
      return false;
    }
    cache_->rows_[caption.text] = *std::move(rows);
    ++cache_->report_.read_from_disk;
    return true;
  }

  absl::Status EncodeBatch(absl::Span<const FixedCaption* const> batch) {
    std::vector<std::string> texts;
    for (const FixedCaption* caption : batch) texts.push_back(caption->text);
    ASSIGN_OR_RETURN(std::vector<Tensor> encoded, encode_(texts));
    for (Tensor& tensor : encoded) {
      if (tensor.defined()) tensor = tensor.to(torch::kCPU);
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      std::vector<Tensor> rows;
      for (const Tensor& tensor : encoded) {
        rows.push_back(tensor.defined() ? tensor.narrow(0, i, 1).clone()
                                        : Tensor());
      }
      RETURN_IF_ERROR(CheckFiniteRows(rows, texts[i]));
      if (options_.to_disk) {
        const std::string path = PathOf(*batch[i], options_.encoder_digest);
        RETURN_IF_ERROR(WriteRows(path, texts[i], rows));
      }
      cache_->rows_[texts[i]] = std::move(rows);
      ++cache_->report_.encoded;
    }
    return absl::OkStatus();
  }

  absl::Status Report() {
    if (!options_.progress) return absl::OkStatus();
    return options_.progress(static_cast<int64_t>(cache_->rows_.size()),
                             static_cast<int64_t>(captions_.size()));
  }

  const std::vector<FixedCaption>& captions_;
  const TextCacheOptions& options_;
  const EncodeCaptions& encode_;
  std::vector<const FixedCaption*> waiting_;
  std::unique_ptr<TextCache> cache_{new TextCache()};
};

absl::StatusOr<std::unique_ptr<TextCache>> TextCache::Make(
    const std::vector<FixedCaption>& captions, const TextCacheOptions& options,
    const EncodeCaptions& encode) {
  return TextCaching(captions, options, encode).Run();
}

std::vector<Tensor> TextCache::Rows(
    absl::Span<const std::string> captions) const {
  std::vector<std::vector<Tensor>> places;
  for (const std::string& caption : captions) {
    const auto found = rows_.find(caption);
    TORCH_CHECK(found != rows_.end(), "the caption `", caption,
                "` is not in the cache of text encoder outputs");
    places.resize(std::max(places.size(), found->second.size()));
    for (size_t i = 0; i < found->second.size(); ++i) {
      if (found->second[i].defined()) places[i].push_back(found->second[i]);
    }
  }
  std::vector<Tensor> joined;
  for (const std::vector<Tensor>& rows : places) {
    joined.push_back(rows.empty() ? Tensor() : torch::cat(rows));
  }
  return joined;
}

}  // namespace atelier::trainer
