#include "trainer/data/image/image_header.h"

#include <filesystem>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

class ImageHeaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<ImageSize> SizeOfBytes(const std::string& bytes) {
    const std::string path = dir_.File("bytes");
    testing::WriteText(path, bytes);
    return ReadImageSize(path);
  }

  atelier::testing::TempDir dir_;
};

TEST_F(ImageHeaderTest, SizeIsReadFromEveryForm) {
  for (const char* name : {"a.png", "a.jpg", "a.webp", "a.bmp"}) {
    const std::string path = dir_.File(name);
    testing::WritePicture(path, 45, 31, 1);
    const auto size = ReadImageSize(path);
    ASSERT_TRUE(size.ok()) << name << ": " << size.status();
    EXPECT_EQ(*size, (ImageSize{45, 31})) << name;
  }
}

TEST_F(ImageHeaderTest, NoPrefixOfAFileIsWholeOrCrashes) {
  for (const char* name : {"a.png", "a.jpg", "a.webp", "a.bmp"}) {
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
  for (const char* name : {"a.png", "a.jpg", "a.webp", "a.bmp"}) {
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

TEST_F(ImageHeaderTest, EndingsAreInOneLetterCase) {
  EXPECT_TRUE(HasImageExtension("a/b.png"));
  EXPECT_TRUE(HasImageExtension("b.WEBP"));
  EXPECT_FALSE(HasImageExtension("b.Png"));
  EXPECT_FALSE(HasImageExtension("png"));
  EXPECT_FALSE(HasImageExtension("b.png.txt"));
}

}  // namespace
}  // namespace atelier::trainer
