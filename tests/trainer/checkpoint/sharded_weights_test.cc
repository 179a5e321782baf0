#include "trainer/checkpoint/sharded_weights.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

constexpr char kFirst[] = "model-00001-of-00002.safetensors";
constexpr char kSecond[] = "model-00002-of-00002.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

class ShardedWeightsTest : public ::testing::Test {
 protected:
  void WriteWeights(const std::string& name, const std::string& tensor,
                    double value) {
    ASSERT_TRUE(
        WriteSafetensors(dir_.File(name), {{tensor, torch::full({2}, value)}})
            .ok());
  }
  void WriteShards() {
    WriteWeights(kFirst, "a", 1);
    WriteWeights(kSecond, "b", 2);
  }
  void WriteIndex(const std::string& second = kSecond) {
    const std::string text = std::string(R"({"weight_map": {"a": ")") + kFirst +
                             R"(", "b": ")" + second + "\"}}";
    ASSERT_TRUE(WriteFileAtomically(dir_.File(kIndex), text).ok());
  }
  void ExpectBoth(const std::string& path) {
    const auto source = OpenCheckpoint(path);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->index().size(), 2u);
    EXPECT_EQ((*source)->Read("a").value()[0].item<double>(), 1);
    EXPECT_EQ((*source)->Read("b").value()[0].item<double>(), 2);
  }
  std::string Error(const std::string& path) {
    return std::string(OpenCheckpoint(path).status().message());
  }

  atelier::testing::TempDir dir_;
};

TEST_F(ShardedWeightsTest, TheIndexTheFolderAndEachShardOpenAll) {
  WriteShards();
  WriteIndex();
  ExpectBoth(dir_.File(kIndex));
  ExpectBoth(dir_.path());
  ExpectBoth(dir_.File(kFirst));
  ExpectBoth(dir_.File(kSecond));
}

TEST_F(ShardedWeightsTest, WithoutAnIndexShardsAreFoundByTheirNumbers) {
  WriteShards();
  ExpectBoth(dir_.File(kSecond));
}

TEST_F(ShardedWeightsTest, AShardThatIsMissingIsNamed) {
  WriteWeights(kFirst, "a", 1);
  EXPECT_THAT(Error(dir_.File(kFirst)),
              HasSubstr("model-00002-of-00002.safetensors is missing"));
  WriteIndex();
  EXPECT_THAT(Error(dir_.path()),
              HasSubstr("model-00002-of-00002.safetensors is missing"));
}

TEST_F(ShardedWeightsTest, ATensorInTwoShardsIsRefused) {
  WriteWeights(kFirst, "a", 1);
  WriteWeights(kSecond, "a", 2);
  EXPECT_THAT(Error(dir_.File(kFirst)), HasSubstr("stands in"));
}

TEST_F(ShardedWeightsTest, AFolderWithOneFileOfWeightsNeedsNoIndex) {
  WriteWeights("model.safetensors", "a", 1);
  const auto source = OpenCheckpoint(dir_.path());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE((*source)->index().contains("a"));
}

TEST_F(ShardedWeightsTest, ADigestCoversEveryShard) {
  WriteShards();
  WriteIndex();
  const auto digest = [&] {
    return OpenCheckpoint(dir_.path()).value()->Digest().value();
  };
  const std::string before = digest();
  EXPECT_EQ(digest(), before);
  WriteWeights(kSecond, "b", 3);
  EXPECT_NE(digest(), before);
}

TEST_F(ShardedWeightsTest, AnIndexMustNotLeadOutOfItsFolder) {
  WriteShards();
  WriteIndex("../b.safetensors");
  EXPECT_THAT(Error(dir_.path()),
              HasSubstr("must be the name of a file beside the index"));
}

}  // namespace
}  // namespace atelier::trainer
