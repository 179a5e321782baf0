#include "trainer/train/remembered_texts.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

// An encoder whose output is the caption's length, and a place left undefined.
struct CountedEncoder {
  std::vector<std::string> seen;

  RememberedTexts::EncodeCaption Encode() {
    return [this](const std::string& caption) -> std::vector<Tensor> {
      seen.push_back(caption);
      const auto length = static_cast<double>(caption.size());
      return {torch::full({1, 2}, length), Tensor()};
    };
  }
};

TEST(RememberedTextsTest, EncodesEachCaptionOnceAndAlone) {
  CountedEncoder encoder;
  RememberedTexts texts;
  const std::vector<std::string> captions = {"a", "abc", "a"};
  texts.Rows(captions, encoder.Encode());
  const std::vector<Tensor> rows = texts.Rows(captions, encoder.Encode());
  EXPECT_EQ(encoder.seen, std::vector<std::string>({"a", "abc"}));
  ASSERT_EQ(rows.size(), 2);
  EXPECT_TRUE(rows[0].equal(
      torch::tensor({1.F, 1.F, 3.F, 3.F, 1.F, 1.F}).view({3, 2})));
  EXPECT_FALSE(rows[1].defined());
}

TEST(RememberedTextsTest, HoldsNoMoreThanItMay) {
  CountedEncoder encoder;
  RememberedTexts texts(/*most_bytes=*/16);  // two rows
  for (const char* caption : {"a", "b", "c", "c", "a"}) {
    texts.Rows({caption}, encoder.Encode());
  }
  EXPECT_EQ(encoder.seen, std::vector<std::string>({"a", "b", "c", "a"}));
}

}  // namespace
}  // namespace atelier::trainer
