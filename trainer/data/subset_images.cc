#include "trainer/data/subset_images.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/parallel_for.h"
#include "trainer/data/text_line.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedInWarning = 5;
// A caption of a megabyte is no caption.
constexpr uintmax_t kMaxCaptionBytes = 1 << 20;

// Whether a file that is not loaded is most likely meant to be: an image of
// another kind, or an ending in both letter cases.
bool LooksLikeImage(const fs::path& path) {
  constexpr const char* kEndings[] = {
      ".avif", ".jxl", ".gif", ".heic", ".heif", ".jp2",  ".jfif",
      ".png",  ".jpg", ".tif", ".jpeg", ".webp", ".tiff", ".bmp"};
  const std::string ending = absl::AsciiStrToLower(path.extension().string());
  return std::find(std::begin(kEndings), std::end(kEndings), ending) !=
         std::end(kEndings);
}

// `a.png, b.png, …`
std::string FirstOf(const std::vector<std::string>& paths) {
  const size_t shown = std::min(paths.size(), kNamedInWarning);
  return absl::StrCat(absl::StrJoin(paths.begin(), paths.begin() + shown, ", "),
                      shown < paths.size() ? ", …" : "");
}

std::vector<std::string> ImageFilesIn(const std::string& folder,
                                      ConfigReport* report) {
  std::vector<std::string> paths;
  std::vector<std::string> passed_over;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator();
       entries.increment(error)) {
    const std::string path = entries->path().string();
    std::error_code ignored;
    if (entries->is_directory(ignored)) continue;
    if (HasImageExtension(path)) {
      paths.push_back(path);
    } else if (LooksLikeImage(entries->path())) {
      passed_over.push_back(path);
    }
  }
  if (error) {
    report->errors.push_back(
        absl::StrCat(folder, ": cannot be read: ", error.message()));
  } else if (paths.empty()) {
    report->errors.push_back(
        absl::StrCat(folder, ": holds no images (", kImageExtensions, ")"));
  }
  std::sort(paths.begin(), paths.end());
  if (!passed_over.empty()) {
    std::sort(passed_over.begin(), passed_over.end());
    report->warnings.push_back(absl::StrCat(
        folder, ": ", passed_over.size(),
        " files are not loaded, since their endings are not among ",
        kImageExtensions, " (in one letter case): ", FirstOf(passed_over)));
  }
  return paths;
}

// Where an image's caption may lie, the likelier place first.
std::vector<std::string> CaptionPaths(const std::string& image,
                                      const std::string& extension) {
  const fs::path path = image;
  const std::string stem = path.stem().string();
  std::vector<std::string> paths = {
      (path.parent_path() / (stem + extension)).string()};
  std::vector<std::string> parts = absl::StrSplit(stem, '_');
  if (parts.size() >= 5) {
    parts.resize(parts.size() - 4);
    paths.push_back(
        (path.parent_path() / (absl::StrJoin(parts, "_") + extension))
            .string());
  }
  return paths;
}

}  // namespace

std::string FindCaptionFile(const std::string& image,
                            const std::string& extension) {
  for (const std::string& path : CaptionPaths(image, extension)) {
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path;
  }
  return "";
}

absl::StatusOr<std::string> ReadCaptionFile(const std::string& path,
                                            bool enable_wildcard) {
  std::error_code error;
  const uintmax_t bytes = fs::file_size(path, error);
  if (!error && bytes > kMaxCaptionBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": caption file of ", bytes, " bytes; at most ",
                     kMaxCaptionBytes, " are read"));
  }
  ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  if (text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": caption file is empty; write a caption into it "
                     "or remove it"));
  }
  if (!IsUtf8(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": caption file is not UTF-8"));
  }
  text = absl::StrReplaceAll(absl::StripPrefix(text, "\xef\xbb\xbf"),
                             {{"\r\n", "\n"}, {"\r", "\n"}});
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (!enable_wildcard) return std::string(StripWhitespace(lines.front()));
  std::vector<absl::string_view> kept;
  for (absl::string_view line : lines) {
    line = StripWhitespace(line);
    if (!line.empty()) kept.push_back(line);
  }
  return absl::StrJoin(kept, "\n");
}

std::vector<CaptionedImage> ListSubsetImages(const SubsetOptions& subset,
                                             ConfigReport* report) {
  std::vector<CaptionedImage> images;
  for (std::string& path : ImageFilesIn(subset.image_dir, report)) {
    images.emplace_back().path = std::move(path);
  }
  const auto read_caption = [&](int64_t number) {
    CaptionedImage& image = images[number];
    const std::string file =
        FindCaptionFile(image.path, subset.caption_extension);
    if (file.empty()) {
      image.caption = subset.class_tokens;
      return;
    }
    auto caption = ReadCaptionFile(file, subset.caption.enable_wildcard);
    image.has_own_caption = true;
    if (caption.ok()) {
      image.caption = *std::move(caption);
    } else {
      image.problem = std::string(caption.status().message());
    }
  };
  ParallelFor(static_cast<int64_t>(images.size()), read_caption).IgnoreError();
  if (!subset.class_tokens.empty()) return images;
  std::vector<std::string> uncaptioned;
  for (const CaptionedImage& image : images) {
    if (!image.has_own_caption) uncaptioned.push_back(image.path);
  }
  if (!uncaptioned.empty()) {
    report->warnings.push_back(absl::StrCat(
        subset.image_dir, ": ", uncaptioned.size(),
        " images have no caption file (", subset.caption_extension,
        ") and there are no class_tokens; their caption is empty: ",
        FirstOf(uncaptioned)));
  }
  return images;
}

}  // namespace atelier::trainer
