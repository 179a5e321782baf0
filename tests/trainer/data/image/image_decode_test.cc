#include "trainer/data/image/image_decode.h"

#include <filesystem>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "opencv2/imgcodecs.hpp"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

class ImageDecodeTest : public ::testing::Test {
 protected:
  cv::Mat Decode(const std::string& path) {
    auto image = DecodeImage(path);
    EXPECT_TRUE(image.ok()) << image.status();
    if (!image.ok()) return cv::Mat(1, 1, CV_8UC3, cv::Scalar(0, 0, 0));
    EXPECT_EQ(image->type(), CV_8UC3);
    return *image;
  }

  // Decodes what OpenCV writes of `pixels`.
  cv::Mat RoundTrip(const cv::Mat& pixels) {
    const std::string path = dir_.File("image.png");
    EXPECT_TRUE(cv::imwrite(path, pixels));
    return Decode(path);
  }

  atelier::testing::TempDir dir_;
};

TEST_F(ImageDecodeTest, ChannelsAreRedGreenBlue) {
  const cv::Mat bgr(2, 2, CV_8UC3, cv::Scalar(10, 20, 30));
  EXPECT_EQ(RoundTrip(bgr).at<cv::Vec3b>(1, 1), cv::Vec3b(30, 20, 10));
}

TEST_F(ImageDecodeTest, GreyBecomesRgb) {
  const cv::Mat grey(2, 2, CV_8UC1, cv::Scalar(77));
  EXPECT_EQ(RoundTrip(grey).at<cv::Vec3b>(0, 0), cv::Vec3b(77, 77, 77));
}

TEST_F(ImageDecodeTest, SixteenBitsAreCutToEight) {
  const cv::Mat deep(2, 2, CV_16UC3, cv::Scalar(0x0aff, 0x1400, 0xffff));
  EXPECT_EQ(RoundTrip(deep).at<cv::Vec3b>(0, 0), cv::Vec3b(255, 0x14, 0x0a));
}

TEST_F(ImageDecodeTest, AlphaIsDroppedAndTheColourUnderItStays) {
  const cv::Mat clear(2, 2, CV_8UC4, cv::Scalar(10, 20, 30, 0));
  EXPECT_EQ(RoundTrip(clear).at<cv::Vec3b>(0, 0), cv::Vec3b(30, 20, 10));
}

TEST_F(ImageDecodeTest, PalettesBecomeRgb) {
  const std::string path = dir_.File("palette.png");
  testing::WriteText(
      path, absl::HexStringToBytes(
                "89504e470d0a1a0a0000000d4948445200000002000000010103000000ceec"
                "edc900000006504c54450a141ec8643277a0b39c0000000174524e530040e6"
                "d8660000000a49444154789c63700000004200412937f4ef0000000049454e"
                "44ae426082"));
  const cv::Mat image = Decode(path);
  EXPECT_EQ(image.at<cv::Vec3b>(0, 0), cv::Vec3b(10, 20, 30));
  EXPECT_EQ(image.at<cv::Vec3b>(0, 1), cv::Vec3b(200, 100, 50));
}

TEST_F(ImageDecodeTest, ExifOrientationIsNotApplied) {
  const std::string path = dir_.File("turned.jpg");
  testing::WritePicture(path, 40, 20, 1);
  std::string jpeg = testing::ReadBytes(path);
  // An APP1 segment with orientation 6: turn by 90 degrees.
  jpeg.insert(2, absl::HexStringToBytes(
                     "ffe1002245786966000049492a0008000000010012010300010000000"
                     "600000000000000"));
  testing::WriteText(path, jpeg);
  const cv::Mat image = Decode(path);
  EXPECT_EQ(image.cols, 40);
  EXPECT_EQ(image.rows, 20);
}

TEST_F(ImageDecodeTest, DamagedFilesAreNamed) {
  const std::string png = dir_.File("damaged.png");
  testing::WritePicture(png, 64, 64, 1);
  std::string bytes = testing::ReadBytes(png);
  bytes.replace(bytes.size() / 2, 40, std::string(40, 'x'));
  testing::WriteText(png, bytes);
  const auto damaged = DecodeImage(png);
  EXPECT_EQ(damaged.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damaged.status().message()),
              HasSubstr("damaged.png"));

  const std::string jpeg = dir_.File("cut.jpg");
  testing::WritePicture(jpeg, 64, 64, 1);
  std::filesystem::resize_file(jpeg, std::filesystem::file_size(jpeg) / 2);
  const auto cut = DecodeImage(jpeg);
  EXPECT_EQ(cut.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(cut.status().message()), HasSubstr("cut.jpg"));
  EXPECT_THAT(std::string(DecodeImage("/nowhere.png").status().message()),
              HasSubstr("/nowhere.png"));
}

}  // namespace
}  // namespace atelier::trainer
