#include "trainer/data/text_cache.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/text_file.h"

namespace atelier::trainer {
namespace {

// bf16 has 8 bits, and errors grow from layer to layer.
constexpr double kMostTextError = 0.1;

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

// Whether rows are what the encoders gave, but for the rounding of half
// precision.
bool AreAlike(const std::vector<Tensor>& rows,
              const std::vector<Tensor>& encoded) {
  if (rows.size() != encoded.size()) return false;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].defined() || !encoded[i].defined()) continue;
    const Tensor expected = encoded[i].to(torch::kCPU, torch::kFloat64);
    if (rows[i].sizes() != expected.sizes()) return false;
    const Tensor difference = rows[i].to(torch::kFloat64) - expected;
    if (difference.norm().item<double>() >
        kMostTextError * expected.norm().item<double>()) {
      return false;
    }
  }
  return true;
}

}  // namespace

// The work of TextCache::Make.
class TextCaching {
 public:
  TextCaching(const std::vector<FixedCaption>& captions,
              const TextCacheOptions& options, const EncodeCaptions& encode)
      : captions_(captions), options_(options), encode_(encode) {}

  absl::StatusOr<std::unique_ptr<TextCache>> Run() {
    for (const FixedCaption& caption : captions_) {
      ASSIGN_OR_RETURN(const bool is_there, TakeFromDisk(caption));
      if (!is_there) waiting_.push_back(&caption);
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
  // Files of the chosen format go first.
  absl::StatusOr<bool> TakeFromDisk(const FixedCaption& caption) {
    if (!options_.to_disk) return false;
    if (options_.writes_npz) {
      ASSIGN_OR_RETURN(const bool is_there, TakeNpz(caption));
      return is_there || TakeOwn(caption);
    }
    if (TakeOwn(caption)) return true;
    return TakeNpz(caption);
  }

  bool TakeOwn(const FixedCaption& caption) {
    absl::StatusOr<std::vector<Tensor>> rows = ReadTextFile(
        TextFilePath(caption, options_.encoder_digest), caption.text);
    if (!rows.ok()) {
      WarnOf(rows.status());
      return false;
    }
    cache_->rows_[caption.text] = *std::move(rows);
    ++cache_->report_.read_from_disk;
    return true;
  }

  absl::StatusOr<bool> TakeNpz(const FixedCaption& caption) {
    if (!options_.npz.has_value()) return false;
    absl::StatusOr<NpzText> found = ReadTextNpz(
        *options_.npz, caption, options_.encoder_digest, options_.skip_check);
    if (!found.ok()) {
      WarnOf(found.status());
      return false;
    }
    if (!found->is_proven) {
      ASSIGN_OR_RETURN(const bool is_trusted, Trust(caption.text, found->rows));
      if (!is_trusted) return false;
      ++cache_->report_.taken_on_trust;
    }
    cache_->rows_[caption.text] = std::move(found->rows);
    ++cache_->report_.read_from_npz;
    ++cache_->report_.read_from_disk;
    return true;
  }

  void WarnOf(const absl::Status& failure) {
    if (absl::IsNotFound(failure)) return;
    cache_->report_.warnings.push_back(
        absl::StrCat(failure.message(), "; it is made again"));
  }

  // Whether files that prove nothing are used: the first one's caption is
  // encoded for comparison.
  absl::StatusOr<bool> Trust(const std::string& text,
                             const std::vector<Tensor>& rows) {
    if (options_.skip_check) return true;
    if (trusts_npz_.has_value()) return *trusts_npz_;
    ASSIGN_OR_RETURN(const std::vector<Tensor> encoded, encode_({text}));
    trusts_npz_ = AreAlike(rows, encoded);
    if (!*trusts_npz_) {
      cache_->report_.warnings.push_back(absl::StrCat(
          "the npz file of the caption `", text,
          "` does not hold what the text encoders make of it; no npz file that "
          "sd-scripts wrote is used, captions are encoded again"));
    }
    return *trusts_npz_;
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
      RETURN_IF_ERROR(Save(*batch[i], rows));
      cache_->rows_[texts[i]] = std::move(rows);
      ++cache_->report_.encoded;
    }
    return absl::OkStatus();
  }

  absl::Status Save(const FixedCaption& caption,
                    const std::vector<Tensor>& rows) {
    if (!options_.to_disk) return absl::OkStatus();
    if (options_.writes_npz && options_.npz.has_value()) {
      for (const CaptionedFile& image : caption.images)
        CleanBeside(image.image);
      ASSIGN_OR_RETURN(
          const bool is_written,
          WriteTextNpz(*options_.npz, caption, options_.encoder_digest, rows));
      if (is_written) return absl::OkStatus();
    }
    const std::string path = TextFilePath(caption, options_.encoder_digest);
    CleanBeside(path);
    return WriteTextFile(path, caption.text, rows);
  }

  // Removes what dead writers left in a file's folder, once.
  void CleanBeside(const std::string& path) {
    const std::string folder =
        std::filesystem::path(path).parent_path().string();
    if (cleaned_.insert(folder).second) RemovePartials(folder);
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
  std::optional<bool> trusts_npz_;  // none: not looked at yet
  std::set<std::string> cleaned_;
  std::unique_ptr<TextCache> cache_{new TextCache()};
};

absl::StatusOr<std::unique_ptr<TextCache>> TextCache::Make(
    const std::vector<FixedCaption>& captions, const TextCacheOptions& options,
    const EncodeCaptions& encode) {
  return TextCaching(captions, options, encode).Run();
}

std::vector<Tensor> JoinTextRows(
    absl::Span<const std::vector<Tensor>* const> rows) {
  std::vector<std::vector<Tensor>> places;
  for (const std::vector<Tensor>* row : rows) {
    places.resize(std::max(places.size(), row->size()));
    for (size_t i = 0; i < row->size(); ++i) {
      if ((*row)[i].defined()) places[i].push_back((*row)[i]);
    }
  }
  std::vector<Tensor> joined;
  for (const std::vector<Tensor>& place : places) {
    joined.push_back(place.empty() ? Tensor() : torch::cat(place));
  }
  return joined;
}

std::vector<Tensor> TextCache::Rows(
    absl::Span<const std::string> captions) const {
  std::vector<const std::vector<Tensor>*> rows;
  for (const std::string& caption : captions) {
    const auto found = rows_.find(caption);
    TORCH_CHECK(found != rows_.end(), "the caption `", caption,
                "` is not in the cache of text encoder outputs");
    rows.push_back(&found->second);
  }
  return JoinTextRows(rows);
}

}  // namespace atelier::trainer
