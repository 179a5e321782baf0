#include "trainer/dataset_check/pictures.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/image/image_decode.h"
#include "trainer/data/image/image_transform.h"

namespace atelier::trainer {
namespace {

constexpr int kRowHeight = 22;
constexpr int kLabelWidth = 260;
constexpr int kBarWidth = 520;
constexpr int kCropHeight = 128;
constexpr int kCropGap = 6;
constexpr size_t kCropsPerBucket = 8;
constexpr size_t kBucketsShown = 64;

const cv::Scalar kWhite(255, 255, 255);
const cv::Scalar kBlack(30, 30, 30);
const cv::Scalar kBlue(180, 110, 40);  // OpenCV's order: blue first

void Write(cv::Mat& picture, const std::string& text, cv::Point at) {
  cv::putText(picture, text, at, cv::FONT_HERSHEY_SIMPLEX, 0.42, kBlack, 1,
              cv::LINE_AA);
}

std::string LabelOf(const BucketCounts& bucket, bool several_datasets) {
  return absl::StrCat(
      several_datasets ? absl::StrCat("[", bucket.dataset, "] ") : "",
      bucket.width, "x", bucket.height, ": ", bucket.samples, " in ",
      bucket.batches, bucket.batches == 1 ? " batch" : " batches");
}

bool HasSeveralDatasets(const DatasetReport& report) {
  return !report.buckets.empty() && report.buckets.back().dataset > 0;
}

cv::Mat DrawBars(const DatasetReport& report) {
  int64_t most = 1;
  for (const BucketCounts& bucket : report.buckets) {
    most = std::max(most, bucket.samples);
  }
  const int rows = static_cast<int>(report.buckets.size());
  cv::Mat picture(kRowHeight * (rows + 1), kLabelWidth + kBarWidth + 10,
                  CV_8UC3, kWhite);
  for (int row = 0; row < rows; ++row) {
    const BucketCounts& bucket = report.buckets[row];
    const int top = kRowHeight / 2 + kRowHeight * row;
    const auto length = static_cast<int>(kBarWidth * bucket.samples / most);
    cv::rectangle(picture,
                  {kLabelWidth, top + 3, std::max(1, length), kRowHeight - 6},
                  kBlue, cv::FILLED);
    Write(picture, LabelOf(bucket, HasSeveralDatasets(report)), {8, top + 15});
  }
  return picture;
}

// An image as training sees it, scaled to the height of a row; empty where it
// cannot be decoded.
cv::Mat DrawCrop(const DatasetImage& image, const DatasetIndex& index,
                 const Placement& placement) {
  DecodeOptions options;
  options.exif_orientation = index.dataset_of(image).exif_orientation;
  const auto decoded = DecodeImageFile(image.path, options);
  if (!decoded.ok()) return {};
  const Tensor seen =
      TransformImage(decoded->rgb, placement,
                     index.subset_of(image).resize_interpolation, {})
          .add(1)
          .mul(127.5)
          .round()
          .to(torch::kUInt8)
          .permute({1, 2, 0})
          .contiguous();  // [H, W, 3]
  const cv::Mat rgb(static_cast<int>(seen.size(0)),
                    static_cast<int>(seen.size(1)), CV_8UC3, seen.data_ptr());
  cv::Mat crop;
  cv::resize(rgb, crop,
             {std::max(1, rgb.cols * kCropHeight / rgb.rows), kCropHeight}, 0,
             0, cv::INTER_AREA);
  cv::cvtColor(crop, crop, cv::COLOR_RGB2BGR);
  return crop;
}

std::vector<cv::Mat> CropsOf(const Bucket& bucket, const DatasetIndex& index,
                             const BucketLayout& layout) {
  const std::set<int64_t> images(bucket.images.begin(), bucket.images.end());
  std::vector<cv::Mat> crops;
  for (const int64_t image : images) {
    if (crops.size() == kCropsPerBucket) break;
    cv::Mat crop =
        DrawCrop(index.images[image], index, layout.placements[image]);
    if (!crop.empty()) crops.push_back(std::move(crop));
  }
  return crops;
}

cv::Mat DrawCrops(const DatasetIndex& index, const BucketLayout& layout,
                  const DatasetReport& report) {
  const size_t shown = std::min(layout.buckets.size(), kBucketsShown);
  constexpr int kBand = kCropHeight + kRowHeight + kCropGap;
  std::vector<std::vector<cv::Mat>> rows;
  int width = kLabelWidth;
  for (size_t i = 0; i < shown; ++i) {
    rows.push_back(CropsOf(layout.buckets[i], index, layout));
    int row_width = kCropGap;
    for (const cv::Mat& crop : rows.back()) row_width += crop.cols + kCropGap;
    width = std::max(width, row_width);
  }
  cv::Mat sheet(static_cast<int>(shown) * kBand + kCropGap, width, CV_8UC3,
                kWhite);
  for (size_t i = 0; i < shown; ++i) {
    const int top = static_cast<int>(i) * kBand;
    Write(sheet, LabelOf(report.buckets[i], HasSeveralDatasets(report)),
          {kCropGap, top + kRowHeight - 6});
    int left = kCropGap;
    for (const cv::Mat& crop : rows[i]) {
      crop.copyTo(
          sheet(cv::Rect(left, top + kRowHeight, crop.cols, crop.rows)));
      left += crop.cols + kCropGap;
    }
  }
  return sheet;
}

absl::Status WritePicture(const cv::Mat& picture, const std::string& path,
                          DatasetReport* report) {
  std::vector<uint8_t> encoded;
  if (!cv::imencode(".png", picture, encoded)) {
    return absl::InternalError(absl::StrCat("cannot encode ", path));
  }
  const auto saved = WriteFileAtomically(
      path, absl::string_view(reinterpret_cast<const char*>(encoded.data()),
                              encoded.size()));
  if (!saved.ok()) return saved.status();
  report->pictures.push_back(path);
  return absl::OkStatus();
}

}  // namespace

absl::Status DrawPictures(const DatasetIndex& index, const BucketLayout& layout,
                          const std::string& folder, DatasetReport* report) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(folder, ": cannot be made: ", error.message()));
  }
  RETURN_IF_ERROR(
      WritePicture(DrawBars(*report), folder + "/buckets.png", report));
  return WritePicture(DrawCrops(index, layout, *report), folder + "/crops.png",
                      report);
}

}  // namespace atelier::trainer
