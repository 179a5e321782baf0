#include "trainer/data/metadata_file.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/text_line.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxSide = 1 << 20;

// Reads one metadata file; collects what it finds.
class MetadataReader {
 public:
  MetadataReader(const SubsetOptions& subset, ConfigReport* report)
      : subset_(subset), report_(report) {}

  std::vector<CaptionedImage> Read() {
    const std::string& file = subset_.metadata_file;
    auto text = ReadFile(file);
    if (!text.ok()) {
      report_->errors.emplace_back(text.status().message());
    } else if (absl::EndsWith(file, ".jsonl")) {
      ReadLines(*text);
    } else {
      ReadObject(*text);
    }
    if (images_.empty() && report_->errors.empty()) Error("names no images");
    std::sort(images_.begin(), images_.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return std::move(images_);
  }

 private:
  void Error(const std::string& problem) {
    report_->errors.push_back(
        absl::StrCat(subset_.metadata_file, ": ", problem));
  }

  void ReadObject(const std::string& text) {
    const json root = json::parse(text, nullptr, false);
    if (!root.is_object()) {
      Error("expected a JSON object with a member for each image");
      return;
    }
    for (const auto& [name, entry] : root.items()) AddImage(name, entry);
  }

  void ReadLines(const std::string& text) {
    int number = 0;
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      ++number;
      if (StripWhitespace(line).empty()) continue;
      const json entry = json::parse(line.begin(), line.end(), nullptr, false);
      if (!entry.is_object() || !entry.contains("image_path") ||
          !entry["image_path"].is_string()) {
        Error(absl::StrCat("line ", number,
                           ": expected a JSON object with image_path"));
        continue;
      }
      AddImage(entry["image_path"].get<std::string>(), entry);
    }
  }

  void AddImage(const std::string& name, const json& entry) {
    if (!entry.is_object() || !IsText(entry, "caption") ||
        !IsText(entry, "tags")) {
      Error(absl::StrCat("entry \"", name,
                         "\": expected an object whose caption and tags are "
                         "texts"));
      return;
    }
    const auto stated = StatedSize(entry);
    if (!stated.has_value()) {
      Error(absl::StrCat("entry \"", name,
                         "\": image_size must be [WIDTH, HEIGHT] in pixels"));
      return;
    }
    const std::string path = FindImage(name);
    CaptionedImage& image = EntryOf(path);
    image.path = path;
    image.stated_size = *stated;
    image.caption =
        JoinCaption(TextOf(entry, "caption"), TextOf(entry, "tags"));
    image.has_own_caption = !image.caption.empty();
    if (path.empty()) {
      image.problem = absl::StrCat(
          subset_.metadata_file, ": entry \"", name, "\": no such image",
          subset_.image_dir.empty() ? "; image_dir is not set"
                                    : absl::StrCat(" in ", subset_.image_dir));
    }
  }

  // The place of an image: a new one, or that of an earlier entry for it.
  CaptionedImage& EntryOf(const std::string& path) {
    if (!path.empty()) {
      const auto [known, is_new] = places_.emplace(path, images_.size());
      if (!is_new) return images_[known->second];
    }
    return images_.emplace_back();
  }

  // 0x0 where it is not stated; nothing where it is not a size.
  static std::optional<ImageSize> StatedSize(const json& entry) {
    if (!entry.contains("image_size") || entry["image_size"].is_null()) {
      return ImageSize();
    }
    const json& sides = entry["image_size"];
    if (!sides.is_array() || sides.size() != 2) return std::nullopt;
    for (const json& side : sides) {
      if (!side.is_number_unsigned() || side.get<uint64_t>() > kMaxSide) {
        return std::nullopt;
      }
    }
    return ImageSize{sides[0].get<int>(), sides[1].get<int>()};
  }

  static bool IsText(const json& entry, const char* key) {
    return !entry.contains(key) || entry[key].is_string() ||
           entry[key].is_null();
  }

  static std::string TextOf(const json& entry, const char* key) {
    return entry.contains(key) && entry[key].is_string()
               ? entry[key].get<std::string>()
               : "";
  }

  std::string JoinCaption(std::string caption, std::string tags) const {
    const std::string& separator = subset_.caption.separator;
    if (!subset_.caption.enable_wildcard) {
      if (caption.empty() || tags.empty()) return caption + tags;
      return caption + separator + tags;
    }
    // Each line is a caption of its own, with all tags.
    tags = absl::StrReplaceAll(tags, {{"\n", separator}});
    std::vector<std::string> lines;
    for (absl::string_view line : absl::StrSplit(caption, '\n')) {
      if (StripWhitespace(line).empty()) continue;
      lines.push_back(tags.empty() ? std::string(line)
                                   : absl::StrCat(line, separator, tags));
    }
    return lines.empty() ? tags : absl::StrJoin(lines, "\n");
  }

  std::string FindImage(const std::string& name) const {
    fs::path path = name;
    if (path.is_relative()) {
      if (subset_.image_dir.empty()) return "";
      path = fs::path(subset_.image_dir) / path;
    }
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path.string();
    for (const absl::string_view ending : kImageEndings) {
      const std::string candidate = absl::StrCat(path.string(), ending);
      if (fs::is_regular_file(candidate, ignored)) return candidate;
    }
    return "";
  }

  const SubsetOptions& subset_;
  ConfigReport* report_;
  std::vector<CaptionedImage> images_;
  std::map<std::string, size_t> places_;  // in images_, by path
};

}  // namespace

std::vector<CaptionedImage> ListMetadataImages(const SubsetOptions& subset,
                                               ConfigReport* report) {
  return MetadataReader(subset, report).Read();
}

void WarnOfStatedSizes(const SubsetOptions& subset,
                       const std::vector<CaptionedImage>& files,
                       const std::vector<ImageFacts>& facts,
                       ConfigReport* report) {
  int64_t different = 0;
  std::string first;
  for (size_t i = 0; i < files.size(); ++i) {
    const bool is_comparable = files[i].stated_size != ImageSize() &&
                               facts[i].problem.empty() &&
                               !facts[i].has_orientation;
    if (!is_comparable || files[i].stated_size == facts[i].size) continue;
    if (different++ == 0) first = files[i].path;
  }
  if (different == 0) return;
  report->warnings.push_back(absl::StrCat(
      subset.metadata_file, ": ", different,
      " images have not the image_size that it states, which is passed over; "
      "the first is ",
      first));
}

}  // namespace atelier::trainer
