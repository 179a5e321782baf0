#include "trainer/data/image/image_decode.h"

#include <filesystem>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "opencv2/imgcodecs.hpp"

#include "tests/support/image_files.h"
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

// Numbers each pixel of a picture that is 3 wide and 2 high.
cv::Mat NumberedPixels() {
  cv::Mat image(2, 3, CV_8UC3);
  for (int i = 0; i < 6; ++i) {
    image.at<cv::Vec3b>(i / 3, i % 3) = cv::Vec3b::all(static_cast<uchar>(i));
  }
  return image;
}

std::vector<int> RedOf(const cv::Mat& image) {
  std::vector<int> values;
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      values.push_back(image.at<cv::Vec3b>(y, x)[0]);
    }
  }
  return values;
}

TEST_F(ImageDecodeTest, OrientationsAreAppliedWhereAskedForOnly) {
  // Rows of the picture turned as EXIF says, for 1 to 8.
  const std::vector<std::vector<int>> upright = {
      {0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
      {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
      {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  std::string pixels;
  for (const int value : upright[0]) {
    pixels.append(3, static_cast<char>(value));
  }
  ASSERT_TRUE(cv::imwrite(dir_.File("a.png"), NumberedPixels()));
  ASSERT_TRUE(cv::imwrite(dir_.File("a.webp"), NumberedPixels(),
                          {cv::IMWRITE_WEBP_QUALITY, 101}));
  const std::string png = testing::ReadBytes(dir_.File("a.png"));
  const std::string webp = testing::ReadBytes(dir_.File("a.webp"));
  for (int o = 1; o <= 8; ++o) {
    for (const auto& [name, turned] :
         {std::pair("a.png", testing::TurnedPng(png, o)),
          std::pair("a.webp", testing::TurnedWebp(webp, 3, 2, o)),
          std::pair("a.tif", testing::TurnedTiff(pixels, 3, 2, o))}) {
      DecodeOptions options;
      const auto stored = DecodeImageContents(turned, name, options);
      ASSERT_TRUE(stored.ok()) << stored.status();
      EXPECT_EQ(RedOf(stored->rgb), upright[0]) << name << " " << o;
      options.exif_orientation = true;
      const auto image = DecodeImageContents(turned, name, options);
      EXPECT_EQ(RedOf(image->rgb), upright[o - 1]) << name << " " << o;
      EXPECT_EQ(image->rgb.cols, o >= 5 ? 2 : 3);
    }
  }
}

TEST_F(ImageDecodeTest, ATurnedJpegHasTheSizeOfItsHeader) {
  testing::WritePicture(dir_.File("a.jpg"), 40, 20, 1);
  const std::string jpeg =
      testing::TurnedJpeg(testing::ReadBytes(dir_.File("a.jpg")), 6);
  DecodeOptions options;
  EXPECT_EQ(DecodeImageContents(jpeg, "a.jpg", options)->rgb.cols, 40);
  options.exif_orientation = true;
  EXPECT_EQ(DecodeImageContents(jpeg, "a.jpg", options)->rgb.cols, 20);
}

TEST_F(ImageDecodeTest, SixteenBitGreyIsCutToo) {
  const cv::Mat deep(2, 2, CV_16UC1, cv::Scalar(0x14ff));
  EXPECT_EQ(RoundTrip(deep).at<cv::Vec3b>(0, 0), cv::Vec3b(20, 20, 20));
  const std::string path = dir_.File("deep.tif");
  ASSERT_TRUE(cv::imwrite(path, deep));
  EXPECT_EQ(Decode(path).at<cv::Vec3b>(0, 0), cv::Vec3b(20, 20, 20));
}

TEST_F(ImageDecodeTest, TiffsOfEveryKindAreRead) {
  const std::string path = dir_.File("a.tif");
  ASSERT_TRUE(cv::imwrite(path, cv::Mat(2, 2, CV_8UC3, cv::Scalar(9, 8, 7))));
  EXPECT_EQ(Decode(path).at<cv::Vec3b>(0, 0), cv::Vec3b(7, 8, 9));
  ASSERT_TRUE(cv::imwrite(path, cv::Mat(2, 2, CV_8UC1, cv::Scalar(9))));
  EXPECT_EQ(Decode(path).at<cv::Vec3b>(0, 0), cv::Vec3b(9, 9, 9));
  ASSERT_TRUE(
      cv::imwrite(path, cv::Mat(2, 2, CV_16UC3, cv::Scalar(0x900, 0, 0x700))));
  EXPECT_EQ(Decode(path).at<cv::Vec3b>(0, 0), cv::Vec3b(7, 0, 9));
}

// 8x8, made with Pillow 13.0.0: CMYK (200, 100, 40, 30) as Adobe stores it,
// inverted. Pillow's RGB of it is (49, 137, 190).
TEST_F(ImageDecodeTest, CmykBecomesRgb) {
  const std::string jpeg = absl::HexStringToBytes(
      "ffd8ffee000e41646f626500640000000000ffdb00430003020203020203030303040303"
      "04050805050404050a070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113"
      "141515150c0f171816141812141514ffc000140800080008044311004d11005911004b11"
      "00ffc400160001010100000000000000000000000000080709ffc4001410010000000000"
      "0000000000000000000000ffda000e0443004d0059004b00003f001e29074340dfffd9");
  const auto image = DecodeImageContents(jpeg, "cmyk.jpg", {});
  ASSERT_TRUE(image.ok()) << image.status();
  const cv::Vec3b pixel = image->rgb.at<cv::Vec3b>(3, 3);
  EXPECT_NEAR(pixel[0], 49, 2);
  EXPECT_NEAR(pixel[1], 137, 2);
  EXPECT_NEAR(pixel[2], 190, 2);
}

TEST_F(ImageDecodeTest, ProgressiveJpegsAreRead) {
  const cv::Mat grey(16, 16, CV_8UC3, cv::Scalar::all(120));
  const std::string path = dir_.File("a.jpg");
  ASSERT_TRUE(cv::imwrite(path, grey, {cv::IMWRITE_JPEG_PROGRESSIVE, 1}));
  EXPECT_NEAR(Decode(path).at<cv::Vec3b>(5, 5)[1], 120, 1);
}

TEST_F(ImageDecodeTest, AWrongEndingDoesNotMatter) {
  testing::WritePicture(dir_.File("a.png"), 6, 5, 1);
  std::filesystem::rename(dir_.File("a.png"), dir_.File("a.jpg"));
  EXPECT_EQ(Decode(dir_.File("a.jpg")).cols, 6);
}

TEST_F(ImageDecodeTest, AlphaIsAPlaneOfItsOwn) {
  DecodeOptions options;
  options.alpha = true;
  cv::Mat clear(3, 2, CV_8UC4, cv::Scalar(10, 20, 30, 200));
  clear.at<cv::Vec4b>(2, 1)[3] = 3;
  cv::Mat deep(3, 2, CV_16UC4, cv::Scalar(0x0a00, 0x1400, 0x1e00, 0xc8ff));
  deep.at<cv::Vec4w>(2, 1)[3] = 0x0310;
  for (const auto& [name, pixels] :
       {std::pair("a.png", clear), std::pair("b.png", deep),
        std::pair("a.tif", clear), std::pair("a.webp", clear)}) {
    const std::string path = dir_.File(name);
    ASSERT_TRUE(cv::imwrite(path, pixels, {cv::IMWRITE_WEBP_QUALITY, 101}));
    const auto image = DecodeImageFile(path, options);
    ASSERT_TRUE(image.ok()) << image.status();
    ASSERT_EQ(image->alpha.type(), CV_8UC1) << name;
    EXPECT_EQ(image->alpha.at<uchar>(0, 0), 200) << name;
    EXPECT_EQ(image->alpha.at<uchar>(2, 1), 3) << name;
    EXPECT_EQ(image->rgb.at<cv::Vec3b>(0, 0), cv::Vec3b(30, 20, 10)) << name;
    EXPECT_TRUE(DecodeImageFile(path, {})->alpha.empty());
  }
  testing::WritePicture(dir_.File("c.png"), 6, 5, 1);
  EXPECT_TRUE(DecodeImageFile(dir_.File("c.png"), options)->alpha.empty());
}

TEST_F(ImageDecodeTest, AlphaIsTurnedWithItsImage) {
  cv::Mat clear(1, 2, CV_8UC4, cv::Scalar(1, 2, 3, 10));
  clear.at<cv::Vec4b>(0, 1)[3] = 20;
  ASSERT_TRUE(cv::imwrite(dir_.File("a.png"), clear));
  DecodeOptions options;
  options.alpha = options.exif_orientation = true;
  const auto image = DecodeImageContents(
      testing::TurnedPng(testing::ReadBytes(dir_.File("a.png")), 3), "a.png",
      options);
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->alpha.at<uchar>(0, 0), 20);
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
