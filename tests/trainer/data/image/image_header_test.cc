#include "trainer/data/image/image_header.h"

#include <filesystem>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"

#include "tests/support/image_files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

constexpr const char* kNames[] = {"a.png", "a.jpg", "a.webp", "a.bmp", "a.tif"};

class ImageHeaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<ImageSize> SizeOfBytes(const std::string& bytes) {
    const auto header = ReadImageHeader(ImageBytes(bytes));
    if (!header.ok()) return header.status();
    return header->size;
  }

  // The header of what OpenCV writes under a name.
  ImageHeader Header(const std::string& name, const cv::Mat& image) {
    const std::string path = dir_.File(name);
    EXPECT_TRUE(cv::imwrite(path, image));
    return HeaderOf(testing::ReadBytes(path));
  }

  ImageHeader HeaderOf(const std::string& bytes) {
    const auto header = ReadImageHeader(ImageBytes(bytes));
    EXPECT_TRUE(header.ok()) << header.status();
    return header.value_or(ImageHeader());
  }

  std::string Picture(const std::string& name) {
    testing::WritePicture(dir_.File(name), 20, 12, 2);
    return testing::ReadBytes(dir_.File(name));
  }

  atelier::testing::TempDir dir_;
};

TEST_F(ImageHeaderTest, SizeIsReadFromEveryForm) {
  for (const char* name : kNames) {
    const std::string path = dir_.File(name);
    testing::WritePicture(path, 45, 31, 1);
    const auto size = ReadImageSize(path);
    ASSERT_TRUE(size.ok()) << name << ": " << size.status();
    EXPECT_EQ(*size, (ImageSize{45, 31})) << name;
  }
}

TEST_F(ImageHeaderTest, NoPrefixOfAFileIsWholeOrCrashes) {
  for (const char* name : kNames) {
    const std::string path = dir_.File(name);
    testing::WritePicture(path, 20, 12, 2);
    const std::string whole = testing::ReadBytes(path);
    for (size_t size = 0; size < whole.size(); size += 1 + size / 40) {
      EXPECT_FALSE(SizeOfBytes(whole.substr(0, size)).ok())
          << size << " of " << whole.size() << " bytes of " << name;
    }
  }
}

TEST_F(ImageHeaderTest, ChangedBytesNeverCrash) {
  for (const char* name : kNames) {
    const std::string path = dir_.File(name);
    testing::WritePicture(path, 20, 12, 2);
    const std::string whole = testing::ReadBytes(path);
    for (size_t at = 0; at < std::min<size_t>(whole.size(), 200); ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(~changed[at]);
      SizeOfBytes(changed).IgnoreError();
    }
  }
}

TEST_F(ImageHeaderTest, BytesAfterTheEndAreHarmless) {
  for (const char* name : {"a.png", "a.jpg"}) {
    const std::string path = dir_.File(name);
    testing::WritePicture(path, 20, 12, 2);
    const auto size =
        SizeOfBytes(testing::ReadBytes(path) + std::string(200000, 'x'));
    EXPECT_TRUE(size.ok()) << name << ": " << size.status();
  }
}

TEST_F(ImageHeaderTest, HugeAndEmptySizesAreRefused) {
  testing::WritePicture(dir_.File("a.png"), 20, 12, 2);
  std::string png = testing::ReadBytes(dir_.File("a.png"));
  png.replace(16, 8, std::string("\x7f\xff\xff\xff\x7f\xff\xff\xff", 8));
  EXPECT_THAT(std::string(SizeOfBytes(png).status().message()),
              HasSubstr("pixels are read"));
  png.replace(16, 8, std::string(8, '\0'));
  EXPECT_THAT(std::string(SizeOfBytes(png).status().message()),
              HasSubstr("says that its size is 0x0"));
}

TEST_F(ImageHeaderTest, AnimationsAreRefused) {
  const std::string webp = absl::HexStringToBytes(
      "524946468200000057454250565038580a00000002000000030000020000414e494d0600"
      "0000000000000000414e4d4626000000000000000000030000020000000000025650384c"
      "0e0000002f03800000071011fd0f4444ff03414e4d462800000000000000000003000002"
      "0000000000005650384c0f0000002f0380000007109589fe0722a2ff0100");
  EXPECT_THAT(std::string(SizeOfBytes(webp).status().message()),
              HasSubstr("is an animation"));
}

TEST_F(ImageHeaderTest, OtherKindsAreNamed) {
  EXPECT_THAT(std::string(SizeOfBytes("GIF89a..........").status().message()),
              HasSubstr("is a GIF image; convert it"));
  EXPECT_THAT(std::string(SizeOfBytes(std::string("\0\0\0\x1c"
                                                  "ftypavif",
                                                  12))
                              .status()
                              .message()),
              HasSubstr("is an AVIF image"));
  EXPECT_THAT(std::string(SizeOfBytes("a text file").status().message()),
              HasSubstr("is not a PNG, JPEG, WebP, BMP or TIFF image"));
  testing::WriteText(dir_.File("nothing.png"), "");
  const auto nothing = ReadImageSize(dir_.File("nothing.png"));
  EXPECT_THAT(std::string(nothing.status().message()), HasSubstr("is empty"));
}

TEST_F(ImageHeaderTest, TheContentsCountWhateverTheFileIsCalled) {
  const auto size = SizeOfBytes(Picture("a.webp"));
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(*size, (ImageSize{20, 12}));
}

TEST_F(ImageHeaderTest, SizesBeyondPillowsLimitAreRefused) {
  std::string png = Picture("a.png");
  png.replace(16, 8, std::string("\0\0\x40\0\0\0\x40\0", 8));  // 16384 each
  EXPECT_THAT(std::string(SizeOfBytes(png).status().message()),
              HasSubstr("16384x16384; at most 178956970 pixels"));
}

TEST_F(ImageHeaderTest, AlphaIsSeen) {
  const cv::Mat colour(3, 4, CV_8UC3, cv::Scalar(1, 2, 3));
  const cv::Mat clear(3, 4, CV_8UC4, cv::Scalar(1, 2, 3, 4));
  for (const char* name : {"a.png", "a.webp", "a.tif"}) {
    EXPECT_TRUE(Header(name, clear).has_alpha) << name;
    EXPECT_FALSE(Header(name, colour).has_alpha) << name;
  }
}

TEST_F(ImageHeaderTest, OrientationsAreReadFromEveryForm) {
  const std::string jpeg = Picture("a.jpg");
  const std::string png = Picture("a.png");
  const std::string webp = Picture("a.webp");
  const std::string tiff(20 * 12 * 3, 'x');
  for (int o = 1; o <= 8; ++o) {
    for (const std::string& turned :
         {testing::TurnedJpeg(jpeg, o), testing::TurnedPng(png, o),
          testing::TurnedWebp(webp, 20, 12, o),
          testing::TurnedTiff(tiff, 20, 12, o)}) {
      const ImageHeader header = HeaderOf(turned);
      EXPECT_EQ(header.orientation, o);
      EXPECT_EQ(header.size, (ImageSize{20, 12}));
      EXPECT_EQ(header.upright_size(),
                o >= 5 ? (ImageSize{12, 20}) : (ImageSize{20, 12}));
    }
  }
  EXPECT_EQ(HeaderOf(testing::TurnedJpeg(jpeg, 9)).orientation, 1);
}

TEST_F(ImageHeaderTest, DamagedExifDataIsNoOrientation) {
  std::string jpeg = testing::TurnedJpeg(Picture("a.jpg"), 6);
  jpeg.replace(jpeg.find("II\x2a"), 2, "XX");
  EXPECT_EQ(HeaderOf(jpeg).orientation, 1);
}

TEST_F(ImageHeaderTest, EndingsAreInOneLetterCase) {
  EXPECT_TRUE(HasImageExtension("a/b.png"));
  EXPECT_TRUE(HasImageExtension("b.WEBP"));
  EXPECT_TRUE(HasImageExtension("b.tif"));
  EXPECT_FALSE(HasImageExtension("b.Png"));
  EXPECT_FALSE(HasImageExtension("png"));
  EXPECT_FALSE(HasImageExtension("b.png.txt"));
}

}  // namespace
}  // namespace atelier::trainer
