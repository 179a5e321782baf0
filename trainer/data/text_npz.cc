#include "trainer/data/text_npz.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/npz/npy.h"
#include "trainer/data/npz/npz_file.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

constexpr char kTextMark[] = "atelier text ";
constexpr char kEntryEnding[] = ".npy";

std::string ProofOf(const FixedCaption& caption, const std::string& encoders) {
  return absl::StrCat(kTextMark, Sha256Of(caption.text), " ", encoders);
}

absl::Status CheckCaptionAge(const std::string& path,
                             const CaptionedFile& image) {
  const auto unfit = [&](absl::string_view what) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", what));
  };
  if (image.caption_file.empty()) {
    return unfit("it cannot be told whether it is of the class tokens");
  }
  std::error_code error;
  const auto file = fs::last_write_time(path, error);
  if (error) return absl::NotFoundError(path);
  const auto source = fs::last_write_time(image.caption_file, error);
  if (!error && source <= file) return absl::OkStatus();
  return unfit(absl::StrCat("is older than ", image.caption_file));
}

absl::StatusOr<TextNpzFormat::Arrays> ReadArrays(const NpzFile& file) {
  TextNpzFormat::Arrays arrays;
  for (const std::string& entry : file.names()) {
    if (!absl::EndsWith(entry, kEntryEnding)) continue;
    const std::string name(absl::StripSuffix(entry, kEntryEnding));
    ASSIGN_OR_RETURN(arrays[name], file.Read(name));
  }
  return arrays;
}

absl::StatusOr<NpzText> ReadFromImage(const TextNpzFormat& format,
                                      const CaptionedFile& image,
                                      const std::string& text,
                                      const std::string& proof,
                                      bool skip_check) {
  const std::string path = TextNpzPath(format, image.image);
  ASSIGN_OR_RETURN(const NpzFile file, NpzFile::Open(path));
  NpzText found;
  found.is_proven = absl::StartsWith(file.comment(), kTextMark);
  if (!skip_check && found.is_proven && file.comment() != proof) {
    return absl::NotFoundError(path);
  }
  if (!skip_check && !found.is_proven) {
    RETURN_IF_ERROR(CheckCaptionAge(path, image));
  }
  ASSIGN_OR_RETURN(const TextNpzFormat::Arrays arrays, ReadArrays(file));
  absl::StatusOr<std::vector<Tensor>> rows = format.from_arrays(arrays, text);
  if (!rows.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": ", rows.status().message()));
  }
  for (const Tensor& row : *rows) {
    if (!row.defined() || row.isfinite().all().item<bool>()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": has values that are not finite"));
  }
  found.rows = *std::move(rows);
  return found;
}

}  // namespace

std::string TextNpzPath(const TextNpzFormat& format, const std::string& image) {
  const fs::path path = image;
  return (path.parent_path() / path.stem()).string() + format.suffix;
}

absl::StatusOr<NpzText> ReadTextNpz(const TextNpzFormat& format,
                                    const FixedCaption& caption,
                                    const std::string& encoders,
                                    bool skip_check) {
  const std::string proof = ProofOf(caption, encoders);
  absl::Status first_failure = absl::NotFoundError(caption.text);
  for (const CaptionedFile& image : caption.images) {
    absl::StatusOr<NpzText> found =
        ReadFromImage(format, image, caption.text, proof, skip_check);
    if (found.ok()) return found;
    if (absl::IsNotFound(first_failure)) first_failure = found.status();
  }
  return first_failure;
}

absl::StatusOr<bool> WriteTextNpz(const TextNpzFormat& format,
                                  const FixedCaption& caption,
                                  const std::string& encoders,
                                  const std::vector<Tensor>& rows) {
  const TextNpzFormat::Arrays arrays = format.to_arrays(rows, caption.text);
  if (arrays.empty() || caption.images.empty()) return false;
  std::map<std::string, std::string> entries;
  for (const auto& [name, values] : arrays) {
    ASSIGN_OR_RETURN(entries[NpzEntryName(name)], FormatNpy(values));
  }
  for (const CaptionedFile& image : caption.images) {
    RETURN_IF_ERROR(WriteNpz(TextNpzPath(format, image.image), entries,
                             ProofOf(caption, encoders)));
  }
  return true;
}

}  // namespace atelier::trainer
