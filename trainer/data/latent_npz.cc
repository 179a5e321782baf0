#include "trainer/data/latent_npz.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "proto/cc/status_macros.h"
#include "trainer/data/npz/npy.h"
#include "trainer/data/npz/npz_file.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

constexpr char kLatents[] = "latents";
constexpr char kFlipped[] = "latents_flipped";
constexpr char kMask[] = "alpha_mask";
constexpr char kOriginalSize[] = "original_size";
constexpr char kCrop[] = "crop_ltrb";
constexpr char kPlainName[] = ".npz";
constexpr char kLatentMark[] = "atelier";
// Versions of sd-scripts round the crop differently.
constexpr double kCropTolerance = 1.5;

struct Cells {
  int64_t height = 0;
  int64_t width = 0;
};

Cells CellsOf(const LatentVariant& variant) {
  return {variant.bucket.height / variant.latent_scale,
          variant.bucket.width / variant.latent_scale};
}

std::string SizeKey(const LatentVariant& variant) {
  const Cells cells = CellsOf(variant);
  return absl::StrCat("_", cells.height, "x", cells.width);
}

absl::Status Unfit(const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", what));
}

// What the comment says of an array: image and variant.
using Proofs = std::map<std::string, std::pair<std::string, std::string>>;

Proofs ParseProofs(absl::string_view comment) {
  Proofs proofs;
  for (const absl::string_view line : absl::StrSplit(comment, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() == 4 && words[0] == kLatentMark) {
      proofs[words[1]] = {words[2], words[3]};
    }
  }
  return proofs;
}

std::string FormatProofs(const Proofs& proofs) {
  std::string comment;
  for (const auto& [array, proof] : proofs) {
    absl::StrAppend(&comment, kLatentMark, " ", array, " ", proof.first, " ",
                    proof.second, "\n");
  }
  return comment;
}

// One file, and the ending of the names of the arrays that are wanted.
struct Slot {
  const NpzFile& file;
  std::string key;

  std::string name(absl::string_view array) const {
    return absl::StrCat(array, key);
  }
};

// Latents of the wanted shape, as floats.
absl::StatusOr<Tensor> ReadLatents(const Slot& slot, const std::string& array,
                                   const LatentNpzFormat& format,
                                   const LatentNpzImage& image) {
  ASSIGN_OR_RETURN(const Tensor stored, slot.file.Read(array));
  const Cells cells = CellsOf(image.variant);
  const std::string& path = slot.file.path();
  if (stored.dim() != 3 || stored.size(1) != cells.height ||
      stored.size(2) != cells.width || !stored.is_floating_point() ||
      (format.channels > 0 && stored.size(0) != format.channels)) {
    return Unfit(
        path, absl::StrCat(array, " is [", absl::StrJoin(stored.sizes(), ", "),
                           "]; the picture needs ", format.channels,
                           " channels of ", cells.height, "x", cells.width));
  }
  if (!stored.isfinite().all().item<bool>()) {
    return Unfit(path, absl::StrCat(array, " has values that are not finite"));
  }
  return (stored.to(torch::kFloat32) / format.scale + format.shift)
      .contiguous();
}

// Numbers of a small array; nothing where it is missing or not `count` long.
std::optional<std::vector<double>> ReadNumbers(const Slot& slot,
                                               const char* array,
                                               int64_t count) {
  const absl::StatusOr<Tensor> stored = slot.file.Read(slot.name(array));
  if (!stored.ok() || stored->numel() != count) return std::nullopt;
  const Tensor numbers = stored->to(torch::kFloat64).contiguous();
  const double* const first = numbers.const_data_ptr<double>();
  return std::vector<double>(first, first + count);
}

absl::Status CheckGeometry(const Slot& slot, const LatentNpzImage& image) {
  const std::string& path = slot.file.path();
  const auto size = ReadNumbers(slot, kOriginalSize, 2);
  const auto crop = ReadNumbers(slot, kCrop, 4);
  if (!size.has_value() || !crop.has_value()) {
    return Unfit(path, "has no original_size and crop_ltrb");
  }
  if ((*size)[0] != image.size.width || (*size)[1] != image.size.height) {
    return Unfit(path, absl::StrCat("is of an image of ", (*size)[0], "x",
                                    (*size)[1], "; this one is ",
                                    image.size.width, "x", image.size.height));
  }
  const double expected[] = {image.crop.left, image.crop.top, image.crop.right,
                             image.crop.bottom};
  for (size_t i = 0; i < 4; ++i) {
    if (std::abs((*crop)[i] - expected[i]) <= kCropTolerance) continue;
    return Unfit(path, "was cropped in another way");
  }
  return absl::OkStatus();
}

absl::Status CheckAge(const std::string& path, const LatentNpzImage& image) {
  std::error_code error;
  const auto file = fs::last_write_time(path, error);
  if (error) return absl::NotFoundError(path);
  const auto picture = fs::last_write_time(image.path, error);
  if (!error && picture <= file) return absl::OkStatus();
  return Unfit(path, "is older than its image");
}

// Whether the file has wanted latents, and under which names.
std::optional<std::string> FindKey(const NpzFile& file,
                                   const LatentNpzFormat& format,
                                   const LatentNpzImage& image) {
  const std::string sized = SizeKey(image.variant);
  if (file.Has(kLatents + sized)) return sized;
  if (!format.has_size_keys && file.Has(kLatents)) return "";
  return std::nullopt;
}

absl::StatusOr<NpzLatents> ReadFromFile(const std::string& path,
                                        const LatentNpzFormat& format,
                                        const LatentNpzImage& image,
                                        bool skip_check) {
  ASSIGN_OR_RETURN(const NpzFile file, NpzFile::Open(path));
  const std::optional<std::string> key = FindKey(file, format, image);
  if (!key.has_value()) return absl::NotFoundError(path);
  const Slot slot = {file, *key};
  const std::string flipped = slot.name(kFlipped);
  if (image.needs_flipped && !file.Has(flipped)) {
    return absl::NotFoundError(path);
  }
  NpzLatents found;
  const Proofs proofs = ParseProofs(file.comment());
  const auto proof = proofs.find(slot.name(kLatents));
  found.is_proven = proof != proofs.end();
  if (image.is_turned && !found.is_proven) return absl::NotFoundError(path);
  if (!skip_check && found.is_proven &&
      proof->second != std::pair(image.sha256, VariantDigest(image.variant))) {
    return absl::NotFoundError(path);
  }
  if (!skip_check && !found.is_proven) {
    RETURN_IF_ERROR(CheckAge(path, image));
    RETURN_IF_ERROR(CheckGeometry(slot, image));
  }
  ASSIGN_OR_RETURN(found.latents,
                   ReadLatents(slot, slot.name(kLatents), format, image));
  if (image.needs_flipped) {
    ASSIGN_OR_RETURN(found.flipped, ReadLatents(slot, flipped, format, image));
  }
  return found;
}

// The file to write to: the plain one where it already has latents.
std::string PathToWrite(const LatentNpzFormat& format,
                        const LatentNpzImage& image) {
  const std::vector<std::string> paths = LatentNpzPaths(format, image);
  if (!format.has_plain_name) return paths.front();
  const auto plain = NpzFile::Open(paths.front());
  return plain.ok() && plain->Has(kLatents) ? paths[0] : paths[1];
}

// The names' ending for latents that are to be written beside `file`.
std::string KeyToWrite(const NpzFile& file, const LatentNpzFormat& format,
                       const LatentNpzImage& image) {
  const std::string sized = SizeKey(image.variant);
  if (format.has_size_keys || file.Has(kLatents + sized)) return sized;
  if (!file.Has(kLatents)) return "";
  const absl::StatusOr<Tensor> there = file.Read(kLatents);
  const Cells cells = CellsOf(image.variant);
  const bool is_same =
      !there.ok() || there->dim() != 3 ||
      (there->size(1) == cells.height && there->size(2) == cells.width);
  return is_same ? "" : sized;
}

}  // namespace

std::vector<std::string> LatentNpzPaths(const LatentNpzFormat& format,
                                        const LatentNpzImage& image) {
  const fs::path path = image.path;
  const std::string stem = (path.parent_path() / path.stem()).string();
  const std::string sized = absl::StrFormat(
      "%s_%04dx%04d", stem, image.size.width, image.size.height);
  std::vector<std::string> paths;
  if (format.has_plain_name) paths.push_back(stem + kPlainName);
  paths.push_back(sized + format.suffix);
  if (!format.other_suffix.empty()) {
    paths.push_back(sized + format.other_suffix);
  }
  return paths;
}

absl::StatusOr<NpzLatents> ReadLatentNpz(const LatentNpzFormat& format,
                                         const LatentNpzImage& image,
                                         bool skip_check) {
  absl::Status first_failure = absl::NotFoundError(image.path);
  for (const std::string& path : LatentNpzPaths(format, image)) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) continue;
    absl::StatusOr<NpzLatents> found =
        ReadFromFile(path, format, image, skip_check);
    if (found.ok()) return found;
    if (absl::IsNotFound(first_failure)) first_failure = found.status();
  }
  return first_failure;
}

absl::Status WriteLatentNpz(const LatentNpzFormat& format,
                            const LatentNpzImage& image,
                            const NpzLatents& latents) {
  const std::string path = PathToWrite(format, image);
  std::map<std::string, std::string> entries;
  Proofs proofs;
  std::string key = format.has_size_keys ? SizeKey(image.variant) : "";
  if (const auto file = NpzFile::Open(path); file.ok()) {
    absl::StatusOr<std::map<std::string, std::string>> there = file->Entries();
    if (there.ok()) {
      entries = *std::move(there);
      proofs = ParseProofs(file->comment());
      key = KeyToWrite(*file, format, image);
    }
  }
  const auto put = [&](const char* array, const Tensor& values) {
    entries[NpzEntryName(array + key)] = FormatNpy(values).value();
  };
  const auto scaled = [&](const Tensor& values) {
    return (values - format.shift) * format.scale;
  };
  put(kLatents, scaled(latents.latents));
  entries.erase(NpzEntryName(kFlipped + key));
  if (!CheckAge(path, image).ok()) entries.erase(NpzEntryName(kMask + key));
  if (latents.flipped.defined()) put(kFlipped, scaled(latents.flipped));
  put(kOriginalSize, torch::tensor({static_cast<int64_t>(image.size.width),
                                    static_cast<int64_t>(image.size.height)}));
  const CropBox& crop = image.crop;
  put(kCrop, torch::tensor({crop.left, crop.top, crop.right, crop.bottom},
                           torch::kFloat64));
  proofs[kLatents + key] = {image.sha256, VariantDigest(image.variant)};
  return WriteNpz(path, entries, FormatProofs(proofs));
}

Tensor ThroughNpz(const LatentNpzFormat& format, const Tensor& latents) {
  return (latents - format.shift) * format.scale / format.scale + format.shift;
}

}  // namespace atelier::trainer
