#include "trainer/data/image/image_decode.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/image/tiff_directory.h"

namespace atelier::trainer {
namespace {

bool IsTiff(absl::string_view bytes) {
  return absl::StartsWith(bytes, absl::string_view("II\x2a\0", 4)) ||
         absl::StartsWith(bytes, absl::string_view("MM\0\x2a", 4));
}

// libtiff turns pictures by itself and multiplies colours with a separate
// alpha; a copy that claims to be upright and premultiplied keeps its values.
std::string AsStored(absl::string_view tiff) {
  std::string copy(tiff);
  const ImageBytes bytes(tiff);
  const auto directory = TiffDirectory::Read(bytes, 0);
  if (!directory.ok()) return copy;
  for (const TiffTag tag : {kTiffOrientation, kTiffExtraSamples}) {
    const std::optional<int64_t> place = directory->PlaceOfShort(tag);
    if (!place.has_value() || *place + 2 > bytes.size()) continue;
    const int value =
        tag == kTiffExtraSamples && directory->Value(tag).value_or(0) == 0 ? 0
                                                                           : 1;
    copy[static_cast<size_t>(*place)] =
        static_cast<char>(directory->is_little() ? value : 0);
    copy[static_cast<size_t>(*place + 1)] =
        static_cast<char>(directory->is_little() ? 0 : value);
  }
  return copy;
}

absl::StatusOr<cv::Mat> Decode(absl::string_view bytes, const std::string& path,
                               int flags) {
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1,
                        const_cast<char*>(bytes.data()));
  cv::Mat image;
  try {
    image = cv::imdecode(encoded, flags);
  } catch (const cv::Exception& error) {
    return absl::DataLossError(
        absl::StrCat(path, ": image cannot be decoded: ", error.err));
  }
  if (image.empty()) {
    return absl::DataLossError(
        absl::StrCat(path, ": image cannot be decoded; is it damaged?"));
  }
  return image;
}

// The fourth channel, cut to 8 bits; empty where there is none.
cv::Mat AlphaOf(const cv::Mat& image) {
  cv::Mat alpha;
  if (image.channels() != 4) return alpha;
  cv::extractChannel(image, alpha, 3);
  if (alpha.depth() != CV_16U) return alpha;
  cv::Mat cut(alpha.rows, alpha.cols, CV_8UC1);
  for (int y = 0; y < alpha.rows; ++y) {
    for (int x = 0; x < alpha.cols; ++x) {
      cut.at<uint8_t>(y, x) =
          static_cast<uint8_t>(alpha.at<uint16_t>(y, x) >> 8);
    }
  }
  return cut;
}

// EXIF orientations: first transposed (5 to 8), then mirrored.
cv::Mat TurnUpright(const cv::Mat& image, int orientation) {
  if (orientation == 1 || image.empty()) return image;
  cv::Mat turned = image;
  if (orientation >= 5) cv::transpose(image, turned);
  constexpr int kBoth = -1;
  constexpr int kTopToBottom = 0;
  constexpr int kLeftToRight = 1;
  cv::Mat result;
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(turned, result, kLeftToRight);
      return result;
    case 3:
    case 7:
      cv::flip(turned, result, kBoth);
      return result;
    case 4:
    case 8:
      cv::flip(turned, result, kTopToBottom);
      return result;
    default:
      return turned;
  }
}

}  // namespace

absl::StatusOr<DecodedImage> DecodeImageContents(absl::string_view bytes,
                                                 const std::string& path,
                                                 const DecodeOptions& options) {
  // Finds truncated files, which the decoder fills up with grey, and sizes that
  // it would reserve memory for.
  absl::StatusOr<ImageHeader> header = absl::DataLossError("is empty");
  if (!bytes.empty()) header = ReadImageHeader(ImageBytes(bytes));
  if (!header.ok()) return AddContext(header.status(), path);
  std::string copy;
  if (IsTiff(bytes)) {
    copy = AsStored(bytes);
    bytes = copy;
  }
  DecodedImage image;
  ASSIGN_OR_RETURN(
      image.rgb,
      Decode(bytes, path, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION));
  cv::cvtColor(image.rgb, image.rgb, cv::COLOR_BGR2RGB);
  if (options.alpha && header->has_alpha) {
    ASSIGN_OR_RETURN(const cv::Mat all,
                     Decode(bytes, path, cv::IMREAD_UNCHANGED));
    image.alpha = AlphaOf(all);
  }
  if (options.exif_orientation) {
    image.rgb = TurnUpright(image.rgb, header->orientation);
    image.alpha = TurnUpright(image.alpha, header->orientation);
  }
  return image;
}

absl::StatusOr<DecodedImage> DecodeImageFile(const std::string& path,
                                             const DecodeOptions& options) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  return DecodeImageContents(bytes, path, options);
}

absl::StatusOr<cv::Mat> DecodeImageBytes(absl::string_view bytes,
                                         const std::string& path) {
  ASSIGN_OR_RETURN(DecodedImage image, DecodeImageContents(bytes, path, {}));
  return std::move(image.rgb);
}

absl::StatusOr<cv::Mat> DecodeImage(const std::string& path) {
  ASSIGN_OR_RETURN(DecodedImage image, DecodeImageFile(path, {}));
  return std::move(image.rgb);
}

}  // namespace atelier::trainer
