#include "trainer/data/image/image_decode.h"

#include "absl/strings/str_cat.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/image/image_header.h"

namespace atelier::trainer {

absl::StatusOr<cv::Mat> DecodeImageBytes(absl::string_view bytes,
                                         const std::string& path) {
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1,
                        const_cast<char*>(bytes.data()));
  cv::Mat image;
  try {
    image =
        cv::imdecode(encoded, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& error) {
    return absl::DataLossError(
        absl::StrCat(path, ": image cannot be decoded: ", error.err));
  }
  if (image.empty()) {
    return absl::DataLossError(
        absl::StrCat(path, ": image cannot be decoded; is it damaged?"));
  }
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  return image;
}

absl::StatusOr<cv::Mat> DecodeImage(const std::string& path) {
  // Finds truncated files, which the decoder fills up with grey.
  if (auto size = ReadImageSize(path); !size.ok()) {
    return AddContext(size.status(), path);
  }
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  return DecodeImageBytes(bytes, path);
}

}  // namespace atelier::trainer
