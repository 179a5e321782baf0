#include "tests/trainer/option_effects/effect_inputs.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "tests/support/tiny_models.h"

namespace atelier::trainer::testing {
namespace {

constexpr int kPictures = 5;

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string Numbered(const std::string& folder, int i,
                     const std::string& ending) {
  return absl::StrCat(folder, "/0", i, ending);
}

// Each picture of `from`, changed, under the same number.
void WritePictures(const std::string& from, const std::string& to,
                   const std::string& ending,
                   const std::function<cv::Mat(const cv::Mat&)>& change) {
  std::filesystem::create_directories(to);
  for (int i = 0; i < kPictures; ++i) {
    const cv::Mat picture = cv::imread(Numbered(from, i, ".png"));
    EXPECT_TRUE(cv::imwrite(Numbered(to, i, ending), change(picture)));
    WriteFile(Numbered(to, i, ".caption"), "a thing");
  }
}

cv::Mat HalfMask(const cv::Mat& picture, bool upper) {
  cv::Mat mask(picture.rows, picture.cols, CV_8UC3, cv::Scalar::all(0));
  const int half = picture.rows / 2;
  mask.rowRange(upper ? 0 : half, upper ? half : picture.rows) =
      cv::Scalar::all(255);
  return mask;
}

cv::Mat WithAlpha(const cv::Mat& picture) {
  cv::Mat result;
  cv::cvtColor(picture, result, cv::COLOR_BGR2BGRA);
  result.rowRange(0, picture.rows / 2)
      .forEach<cv::Vec4b>([](cv::Vec4b& pixel, const int*) { pixel[3] = 0; });
  return result;
}

// Puts an EXIF segment with orientation 6 behind the start of a JPEG.
void TurnByExif(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string jpeg{std::istreambuf_iterator<char>(file), {}};
  const std::string tiff(
      "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"
      "\x06\0\0\0\0\0\0\0",
      26);
  const std::string body = std::string("Exif\0\0", 6) + tiff;
  const std::string segment =
      std::string("\xFF\xE1\0", 3) + static_cast<char>(body.size() + 2) + body;
  WriteFile(path, jpeg.substr(0, 2) + segment + jpeg.substr(2));
}

void WriteCaptions(const std::string& folder) {
  for (int i = 0; i < kPictures; ++i) {
    WriteFile(Numbered(folder, i, ".txt"),
              absl::StrCat("red, green, {blue|black}, ", i,
                           " ||| x;;;y, z\nsecond line\n"));
    WriteFile(Numbered(folder, i, ".weighted"), "a (red:1.8) thing");
  }
}

}  // namespace

void WriteEffectInputs(const std::string& folder) {
  const std::string data = folder + "/data/1_thing";
  EXPECT_TRUE(WriteTinyImages(data, kPictures).ok());
  EXPECT_TRUE(WriteTinyImages(folder + "/reg/1_thing", 2).ok());
  WriteCaptions(data);
  WritePictures(data, folder + "/rgba/1_thing", ".png", WithAlpha);
  WritePictures(data, folder + "/masks", ".png",
                [](const cv::Mat& picture) { return HalfMask(picture, true); });
  WritePictures(data, folder + "/masks2", ".png", [](const cv::Mat& picture) {
    return HalfMask(picture, false);
  });
  WritePictures(data, folder + "/turned/1_thing", ".jpg",
                [](const cv::Mat& picture) {
                  cv::Mat wide;
                  cv::resize(picture, wide, cv::Size(128, 64));
                  return wide;
                });
  for (int i = 0; i < kPictures; ++i) {
    TurnByExif(Numbered(folder + "/turned/1_thing", i, ".jpg"));
  }
  WritePictures(data, folder + "/faces/1_thing", "_48_48_24_24.png",
                [](const cv::Mat& picture) {
                  cv::Mat square;
                  cv::resize(picture, square, cv::Size(96, 96));
                  return square;
                });
  WriteFile(folder + "/set.toml",
            absl::StrCat("[[datasets]]\nresolution = 64\n"
                         "[[datasets.subsets]]\nimage_dir = '",
                         data, "'\nnum_repeats = 2\n"));
  WriteFile(folder + "/prompts.txt", "a dog --w 64 --h 64 --s 2 --d 3\n");
  WriteFile(folder + "/meta.json",
            "{\"00.png\": {\"caption\": \"one\"}, "
            "\"01.png\": {\"caption\": \"two\"}}");
}

}  // namespace atelier::trainer::testing
