#include "trainer/text/clip_tokenizer.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/text/clip_prompt.h"
#include "trainer/text/unicode.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Bytes have their own value as id, 256 more at the end of a word; 512 is `ab`,
// 513 `ab` at the end of a word, 514 and 515 are start and end.
class ClipTokenizerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/tokenizer." + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    std::string json = "{";
    int shifted = 0;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') ||
                             (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const int symbol = printable ? byte : 0x100 + shifted++;
      std::string text =
          EncodeUtf8(std::u32string(1, static_cast<char32_t>(symbol)));
      if (text == "\"" || text == "\\") text = "\\" + text;
      json += "\"" + text + "\":" + std::to_string(byte) + ",\"" + text +
              "</w>\":" + std::to_string(byte + 256) + ",";
    }
    Write("vocab.json", json +
                            "\"ab\":512,\"ab</w>\":513,"
                            "\"<|startoftext|>\":514,\"<|endoftext|>\":515}");
    Write("merges.txt", "#version: 0.2\na b</w>\na b\n");
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string OpenError() {
    const auto tokenizer = ClipTokenizer::Open(folder_);
    return tokenizer.ok() ? "" : std::string(tokenizer.status().message());
  }
  Tensor Rows(const std::vector<std::string>& captions,
              const ClipPromptOptions& options) {
    const auto tokenizer = ClipTokenizer::Open(folder_).value();
    return ClipPromptIds(*tokenizer, captions, options);
  }

  std::string folder_;
};

TEST_F(ClipTokenizerTest, MergesPairsInsideAndAtTheEndOfWords) {
  const auto tokenizer = ClipTokenizer::Open(folder_).value();
  EXPECT_THAT(tokenizer->Encode("AB aba b"),
              ElementsAre(513, 512, 'a' + 256, 'b' + 256));
}

TEST_F(ClipTokenizerTest, CutsTextAtSpecialWords) {
  const auto tokenizer = ClipTokenizer::Open(folder_).value();
  EXPECT_THAT(
      tokenizer->Encode("a!<|endoftext|>!b<|startoftext|>"),
      ElementsAre('a' + 256, '!' + 256, 515, '!' + 256, 'b' + 256, 514));
}

TEST_F(ClipTokenizerTest, TakesAnyBytes) {
  const auto tokenizer = ClipTokenizer::Open(folder_).value();
  for (int byte = 0; byte < 256; ++byte) {
    tokenizer->Encode(std::string(3, static_cast<char>(byte)));
  }
}

TEST_F(ClipTokenizerTest, NamesTheMissingFile) {
  std::filesystem::remove(folder_ + "/merges.txt");
  EXPECT_THAT(OpenError(), HasSubstr("merges.txt"));
}

TEST_F(ClipTokenizerTest, NamesTheLineOfAMergeThatDoesNotFit) {
  Write("merges.txt", "#version: 0.2\na b\nx yz\n");
  EXPECT_THAT(OpenError(), HasSubstr("merges.txt:3"));
}

TEST_F(ClipTokenizerTest, RefusesAVocabularyThatIsNotJson) {
  Write("vocab.json", "[1, 2");
  EXPECT_THAT(OpenError(), HasSubstr("vocab.json"));
}

TEST_F(ClipTokenizerTest, CutsCaptionsThatAreTooLong) {
  ClipPromptOptions options;
  options.pad = 515;
  const Tensor ids = Rows({std::string(100, '!')}, options).flatten();
  ASSERT_EQ(ids.numel(), 77);
  EXPECT_EQ(ids[0].item<int64_t>(), 514);
  EXPECT_EQ(ids[75].item<int64_t>(), '!');
  EXPECT_EQ(ids[76].item<int64_t>(), 515);
}

TEST_F(ClipTokenizerTest, MakesRowsAsLongAsTheLongestWithoutPadding) {
  ClipPromptOptions options;
  options.pad = 515;
  options.max_token_length = 225;
  options.no_padding = true;
  EXPECT_EQ(Rows({"a", "a b c"}, options).sizes(), at::IntArrayRef({2, 1, 5}));
  EXPECT_EQ(Rows({std::string(100, 'c')}, options).sizes(),
            at::IntArrayRef({1, 2, 77}));
}

TEST_F(ClipTokenizerTest, JoinsRowsKeepingOneStartAndOneEnd) {
  const Tensor states = torch::arange(2 * 77).view({2, 77, 1});
  const Tensor joined = JoinClipRows(states, 2).flatten();
  ASSERT_EQ(joined.numel(), 152);
  EXPECT_EQ(joined[0].item<int64_t>(), 0);
  EXPECT_EQ(joined[75].item<int64_t>(), 75);
  EXPECT_EQ(joined[76].item<int64_t>(), 78);
  EXPECT_EQ(joined[151].item<int64_t>(), 153);
}

}  // namespace
}  // namespace atelier::trainer
