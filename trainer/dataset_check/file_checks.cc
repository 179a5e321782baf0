// The perceptual hash ("dHash"): the image is reduced to 9 x 9 grey cells, and
// each of 8 x 8 bits says whether a cell is darker than its right neighbour,
// each of 64 more whether it is darker than the one below.
#include "trainer/dataset_check/file_checks.h"

#include <bitset>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "opencv2/core.hpp"
#include "opencv2/core/utility.hpp"
#include "opencv2/imgproc.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/image/image_decode.h"
#include "trainer/data/parallel_for.h"

namespace atelier::trainer {
namespace {

constexpr int kCells = 8;
constexpr size_t kHashBits = 2 * kCells * kCells;
using ImageHash = std::bitset<kHashBits>;

// Copies that were saved again or scaled differ in fewer bits.
constexpr size_t kSameBits = 4;
// A hash with hardly a bit set is of an even picture, which is like any other.
constexpr size_t kFewBits = 12;
// Every pair is compared.
constexpr size_t kMostCompared = 60000;

ImageHash HashOf(const cv::Mat& rgb) {
  cv::Mat cells;
  cv::resize(rgb, cells, {kCells + 1, kCells + 1}, 0, 0, cv::INTER_AREA);
  cv::cvtColor(cells, cells, cv::COLOR_RGB2GRAY);
  ImageHash hash;
  for (int y = 0; y < kCells; ++y) {
    for (int x = 0; x < kCells; ++x) {
      const uint8_t cell = cells.at<uint8_t>(y, x);
      const auto bit = static_cast<size_t>(kCells * y + x);
      hash[bit] = cell < cells.at<uint8_t>(y, x + 1);
      hash[bit + kHashBits / 2] = cell < cells.at<uint8_t>(y + 1, x);
    }
  }
  return hash;
}

// Images by path, each once: a folder may be used by several datasets.
std::map<std::string, const DatasetImage*> EachFile(const DatasetIndex& index) {
  std::map<std::string, const DatasetImage*> files;
  for (const auto* images : {&index.images, &index.held_out}) {
    for (const DatasetImage& image : *images) files[image.path] = &image;
  }
  return files;
}

struct HashedFile {
  std::string path;
  ImageHash hash;
};

// Joins what is alike, directly or through others.
ImageGroups GroupAlike(const std::vector<HashedFile>& files) {
  std::vector<size_t> leader(files.size());
  std::iota(leader.begin(), leader.end(), 0);
  const auto find = [&](size_t file) {
    while (leader[file] != file) file = leader[file];
    return file;
  };
  for (size_t a = 0; a < files.size(); ++a) {
    for (size_t b = a + 1; b < files.size(); ++b) {
      const size_t differing = (files[a].hash ^ files[b].hash).count();
      if (differing <= kSameBits) leader[find(b)] = find(a);
    }
  }
  std::map<size_t, std::vector<std::string>> groups;
  for (size_t i = 0; i < files.size(); ++i) {
    groups[find(i)].push_back(files[i].path);
  }
  ImageGroups alike;
  for (auto& [first, paths] : groups) {
    if (paths.size() > 1) alike.push_back(std::move(paths));
  }
  return alike;
}

}  // namespace

absl::Status DecodeEach(const DatasetIndex& index,
                        const CheckProgress& progress, DatasetReport* report) {
  cv::setNumThreads(1);
  std::vector<const DatasetImage*> files;
  for (const auto& [path, image] : EachFile(index)) files.push_back(image);
  std::vector<std::optional<ImageHash>> hashes(files.size());
  std::vector<std::string> problems(files.size());
  const auto decode_one = [&](int64_t number) {
    const auto image = DecodeImageFile(files[number]->path, {});
    if (image.ok()) {
      hashes[number] = HashOf(image->rgb);
    } else {
      problems[number] = std::string(image.status().message());
    }
  };
  RETURN_IF_ERROR(
      ParallelFor(static_cast<int64_t>(files.size()), decode_one, progress));
  report->decoded = static_cast<int64_t>(files.size());
  std::set<std::string> left_out;
  for (const auto& group : report->duplicates) {
    left_out.insert(group.begin() + 1, group.end());
  }
  std::vector<HashedFile> hashed;
  for (size_t i = 0; i < files.size(); ++i) {
    if (!hashes[i].has_value()) {
      report->broken.push_back({files[i]->path, problems[i]});
    } else if (hashes[i]->count() >= kFewBits &&
               left_out.count(files[i]->path) == 0) {
      hashed.push_back({files[i]->path, *hashes[i]});
    }
  }
  if (hashed.size() > kMostCompared) {
    report->warnings.push_back(
        "images that look alike are not searched for among so many");
    return absl::OkStatus();
  }
  report->near_duplicates = GroupAlike(hashed);
  return absl::OkStatus();
}

ImageGroups FindDuplicates(const DatasetIndex& index) {
  std::map<std::pair<int64_t, std::string>, std::vector<std::string>> alike;
  for (const auto& [path, image] : EachFile(index)) {
    alike[{image->size_bytes, image->head_sha256}].push_back(path);
  }
  ImageGroups duplicates;
  for (const auto& [beginning, paths] : alike) {
    if (paths.size() < 2) continue;
    std::map<std::string, std::vector<std::string>> by_contents;
    for (const std::string& path : paths) {
      const auto contents = ReadFile(path);
      if (contents.ok()) by_contents[Sha256Of(*contents)].push_back(path);
    }
    for (auto& [digest, same] : by_contents) {
      if (same.size() > 1) duplicates.push_back(std::move(same));
    }
  }
  return duplicates;
}

}  // namespace atelier::trainer
