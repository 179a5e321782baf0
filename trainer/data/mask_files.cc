#include "trainer/data/mask_files.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/parallel_for.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMasksNamedInWarning = 5;
// Width over height of mask and image may differ by this share, which is what
// rounding to whole pixels does to small masks.
constexpr double kShapeTolerance = 0.01;

std::string StemOf(const std::string& path) {
  return fs::path(path).stem().string();
}

// Images in a folder by their names without ending; of several the first.
std::map<std::string, std::string> MasksIn(const std::string& folder,
                                           ConfigReport* report) {
  std::set<std::string> paths;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator();
       entries.increment(error)) {
    const std::string path = entries->path().string();
    std::error_code ignored;
    if (HasImageExtension(path) && !entries->is_directory(ignored)) {
      paths.insert(path);
    }
  }
  if (error) {
    report->errors.push_back(
        absl::StrCat(folder, ": cannot be read: ", error.message()));
  }
  std::map<std::string, std::string> masks;
  for (const std::string& path : paths) masks.emplace(StemOf(path), path);
  return masks;
}

absl::Status CheckMask(const ImageFacts& image, bool exif_orientation,
                       CaptionedImage* file) {
  ASSIGN_OR_RETURN(const ImageBytes bytes, ImageBytes::Open(file->mask_path));
  ASSIGN_OR_RETURN(const ImageHeader header, ReadImageHeader(bytes));
  file->mask_sha256 = Sha256Of(bytes.head());
  const ImageSize size = exif_orientation ? header.upright_size() : header.size;
  const double shape = size.width / static_cast<double>(size.height);
  const double wanted =
      image.size.width / static_cast<double>(image.size.height);
  if (std::abs(shape - wanted) <= kShapeTolerance * wanted) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("mask is ", size.width, "x", size.height, ", its image ",
                   image.size.width, "x", image.size.height,
                   "; they must have the same shape"));
}

void WarnOfUnused(const std::string& folder,
                  const std::vector<std::string>& unused,
                  ConfigReport* report) {
  if (unused.empty()) return;
  const size_t shown = std::min(unused.size(), kMasksNamedInWarning);
  report->warnings.push_back(
      absl::StrCat(folder, ": ", unused.size(), " masks belong to no image: ",
                   absl::StrJoin(unused.begin(), unused.begin() + shown, ", "),
                   shown < unused.size() ? ", …" : ""));
}

}  // namespace

void FindMasks(const SubsetOptions& subset, bool exif_orientation,
               const std::vector<ImageFacts>& facts,
               std::vector<CaptionedImage>* files, ConfigReport* report) {
  const std::string& folder = subset.conditioning_data_dir;
  if (folder.empty()) return;
  const std::map<std::string, std::string> masks = MasksIn(folder, report);
  std::set<std::string> used;
  for (CaptionedImage& file : *files) {
    const auto mask = masks.find(StemOf(file.path));
    if (mask == masks.end()) {
      if (file.problem.empty()) {
        file.problem =
            absl::StrCat(file.path, ": has no mask of its name in ", folder);
      }
      continue;
    }
    file.mask_path = mask->second;
    used.insert(mask->second);
  }
  ParallelFor(static_cast<int64_t>(files->size()), [&](int64_t number) {
    CaptionedImage& file = (*files)[number];
    if (file.mask_path.empty() || !facts[number].problem.empty()) return;
    const absl::Status status =
        CheckMask(facts[number], exif_orientation, &file);
    if (status.ok() || !file.problem.empty()) return;
    file.problem = absl::StrCat(file.mask_path, ": ", status.message());
  }).IgnoreError();
  std::vector<std::string> unused;
  for (const auto& [stem, path] : masks) {
    if (used.count(path) == 0) unused.push_back(path);
  }
  WarnOfUnused(folder, unused, report);
}

}  // namespace atelier::trainer
