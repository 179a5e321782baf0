// sd-scripts' files of encoded captions, and which of them fit.
#include "trainer/data/text_npz.h"

#include <chrono>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/npz/npy.h"
#include "trainer/data/npz/npz_file.h"
#include "trainer/data/text_cache.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// The encoder: one place, the caption's length in eight numbers.
Tensor RowOf(const std::string& caption) {
  return torch::full({1, 8}, static_cast<double>(caption.size()));
}

class TextNpzTest : public ::testing::Test {
 protected:
  TextNpzTest() {
    for (const char* stem : {"a", "b"}) {
      testing::WriteText(dir_.File(std::string(stem) + ".txt"), "a cat");
    }
    caption_.text = "a cat";
    caption_.folder = dir_.File(".atelier_text");
    caption_.images = {{dir_.File("a.png"), dir_.File("a.txt")},
                       {dir_.File("b.png"), dir_.File("b.txt")}};
    format_.suffix = "_te_outputs.npz";
    format_.from_arrays =
        [](const TextNpzFormat::Arrays& arrays,
           const std::string&) -> absl::StatusOr<std::vector<Tensor>> {
      const auto found = arrays.find("state");
      if (found == arrays.end()) {
        return absl::FailedPreconditionError("has no array state");
      }
      return std::vector<Tensor>{found->second.unsqueeze(0)};
    };
    format_.to_arrays = [](const std::vector<Tensor>& rows,
                           const std::string&) -> TextNpzFormat::Arrays {
      return {{"state", rows[0][0]}};
    };
    options_.to_disk = true;
    options_.npz = format_;
    options_.encoder_digest = "encoders";
  }

  void WriteUnproven(const std::string& name, const Tensor& state) {
    ASSERT_TRUE(
        WriteNpz(dir_.File(name), {{"state.npy", FormatNpy(state).value()}}, "")
            .ok());
  }

  absl::StatusOr<NpzText> Read(bool skip_check = false) {
    return ReadTextNpz(format_, caption_, "encoders", skip_check);
  }

  absl::StatusOr<std::unique_ptr<TextCache>> Make() {
    encoded_.clear();
    return TextCache::Make({caption_}, options_,
                           [this](absl::Span<const std::string> captions)
                               -> absl::StatusOr<std::vector<Tensor>> {
                             std::vector<Tensor> rows;
                             for (const std::string& caption : captions) {
                               encoded_.push_back(caption);
                               rows.push_back(RowOf(caption));
                             }
                             return std::vector<Tensor>{torch::cat(rows)};
                           });
  }

  atelier::testing::TempDir dir_;
  FixedCaption caption_;
  TextNpzFormat format_;
  TextCacheOptions options_;
  std::vector<std::string> encoded_;
};

TEST_F(TextNpzTest, EachImageHasAFileThatProvesItsCaptionAndEncoders) {
  const auto written =
      WriteTextNpz(format_, caption_, "encoders", {RowOf("a cat")});
  ASSERT_TRUE(written.ok() && *written);
  for (const char* stem : {"a", "b"}) {
    const auto file =
        NpzFile::Open(dir_.File(std::string(stem) + "_te_outputs.npz"));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_THAT(file->names(), UnorderedElementsAre("state.npy"));
  }
  const auto found = Read();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->is_proven);
  EXPECT_TRUE(found->rows[0].equal(RowOf("a cat")));
  EXPECT_TRUE(absl::IsNotFound(
      ReadTextNpz(format_, caption_, "other encoders", false).status()));
  caption_.text = "an edited cat";
  EXPECT_TRUE(absl::IsNotFound(Read().status()));
}

TEST_F(TextNpzTest, AFileThatProvesNothingMustNotBeOlderThanItsCaption) {
  WriteUnproven("b_te_outputs.npz", torch::ones({8}));
  const auto found = Read();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_FALSE(found->is_proven);
  fs::last_write_time(dir_.File("b.txt"),
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_THAT(std::string(Read().status().message()),
              HasSubstr("b_te_outputs.npz: is older than"));
  EXPECT_TRUE(Read(/*skip_check=*/true).ok());
  caption_.images[1].caption_file = "";
  EXPECT_THAT(std::string(Read().status().message()),
              HasSubstr("class tokens"));
}

TEST_F(TextNpzTest, WhatDoesNotFitIsSaidWithTheFile) {
  WriteUnproven("a_te_outputs.npz", torch::full({8}, NAN));
  EXPECT_THAT(std::string(Read().status().message()),
              HasSubstr("a_te_outputs.npz: has values that are not finite"));
  ASSERT_TRUE(WriteNpz(dir_.File("a_te_outputs.npz"), {}, "").ok());
  EXPECT_THAT(std::string(Read().status().message()),
              HasSubstr("a_te_outputs.npz: has no array state"));
  testing::WriteText(dir_.File("a_te_outputs.npz"), "broken off");
  EXPECT_TRUE(absl::IsDataLoss(Read().status()));
}

TEST_F(TextNpzTest, ACacheInSdScriptsLayoutServesTheNextRun) {
  options_.writes_npz = true;
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_.size(), 1u);
  EXPECT_FALSE(fs::exists(caption_.folder));
  const auto again = Make();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(encoded_.empty());
  EXPECT_EQ((*again)->report().read_from_npz, 1);
  EXPECT_TRUE((*again)->Rows({"a cat"})[0].equal(RowOf("a cat")));
}

TEST_F(TextNpzTest, CaptionsThatNoImageHasAsWrittenAreKeptInOurOwnFiles) {
  options_.writes_npz = true;
  caption_.images.clear();
  ASSERT_TRUE(Make().ok());
  EXPECT_TRUE(fs::exists(caption_.folder));
  ASSERT_TRUE(Make().ok());
  EXPECT_TRUE(encoded_.empty());
}

TEST_F(TextNpzTest, FilesOfSdScriptsAreReusedAfterALookAtOneOfThem) {
  WriteUnproven("a_te_outputs.npz", torch::full({8}, 5.01));
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(encoded_.size(), 1u);
  EXPECT_EQ((*cache)->report().taken_on_trust, 1);
  EXPECT_EQ((*cache)->report().encoded, 0);
  options_.skip_check = true;
  ASSERT_TRUE(Make().ok());
  EXPECT_TRUE(encoded_.empty());
}

TEST_F(TextNpzTest, FilesOfOtherEncodersAreNotUsed) {
  WriteUnproven("a_te_outputs.npz", torch::full({8}, 7.0));
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ((*cache)->report().taken_on_trust, 0);
  EXPECT_EQ((*cache)->report().encoded, 1);
  ASSERT_EQ((*cache)->report().warnings.size(), 1u);
  EXPECT_THAT((*cache)->report().warnings[0],
              HasSubstr("not hold what the text encoders make"));
  EXPECT_TRUE((*cache)->Rows({"a cat"})[0].equal(RowOf("a cat")));
}

}  // namespace
}  // namespace atelier::trainer
