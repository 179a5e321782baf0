#include "trainer/data/fixed_captions.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/data/scanned_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;
using testing::ScannedDataset;

TEST(FixedCaptionsTest, AreWhatTheEncodersWillSee) {
  ScannedDataset data;
  data.subset().caption.prefix = "photo of";
  data.subset().caption.dropout_rate = 0.5;
  data.Scan();
  const auto captions = FixedCaptions(data.index);
  ASSERT_TRUE(captions.ok()) << captions.status();
  bool has_empty = false;
  for (const FixedCaption& caption : *captions) {
    has_empty = has_empty || caption.text.empty();
    EXPECT_TRUE(caption.text.empty() || caption.text.starts_with("photo of "))
        << caption.text;
    EXPECT_THAT(caption.folder, HasSubstr(".atelier_text"));
  }
  EXPECT_TRUE(has_empty);
}

TEST(FixedCaptionsTest, NameTheOptionThatChangesThem) {
  ScannedDataset data;
  data.subset().caption.shuffle = true;
  data.Scan();
  const auto captions = FixedCaptions(data.index);
  EXPECT_TRUE(absl::IsInvalidArgument(captions.status()));
  EXPECT_THAT(std::string(captions.status().message()),
              HasSubstr("shuffle_caption"));
}

TEST(FixedCaptionsTest, NameTheImagesWhoseCaptionsAreEncodedAsWritten) {
  ScannedDataset data;
  const auto plain = FixedCaptions(data.index);
  ASSERT_TRUE(plain.ok()) << plain.status();
  size_t images = 0;
  for (const FixedCaption& caption : *plain) {
    images += caption.images.size();
    for (const CaptionedFile& file : caption.images) {
      EXPECT_THAT(file.caption_file, HasSubstr(".txt"));
    }
  }
  EXPECT_EQ(images, data.index.images.size());
  data.subset().caption.prefix = "photo of";
  data.Scan();
  const auto prefixed = FixedCaptions(data.index);
  ASSERT_TRUE(prefixed.ok()) << prefixed.status();
  for (const FixedCaption& caption : *prefixed) {
    EXPECT_TRUE(caption.images.empty());
  }
}

}  // namespace
}  // namespace atelier::trainer
