// sd-scripts' files of latents: names, arrays, and which of them fit.
#include "trainer/data/latent_npz.h"

#include <chrono>
#include <filesystem>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/npz/npy.h"
#include "trainer/data/npz/npz_file.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using Arrays = std::map<std::string, Tensor>;

class LatentNpzTest : public ::testing::Test {
 protected:
  LatentNpzTest() {
    testing::WriteText(dir_.File("cat.png"), "a picture");
    image_.path = dir_.File("cat.png");
    image_.size = {640, 480};
    image_.crop = {0, 3, 64, 51};
    image_.variant.bucket = {64, 48};
    image_.variant.resized = {64, 48};
    image_.variant.encoder_digest = "encoder";
    image_.sha256 = "digest-of-image";
    sdxl_.suffix = "_sdxl.npz";
    sdxl_.other_suffix = "_sd.npz";
    sdxl_.has_plain_name = true;
    sdxl_.channels = 4;
    flux_.suffix = "_flux.npz";
    flux_.has_size_keys = true;
    flux_.shift = 0.5;
    flux_.scale = 4;
  }

  // What sd-scripts keeps of this image.
  Arrays Stored(const Tensor& latents, const std::string& key = "") {
    return {
        {"latents" + key, latents},
        {"original_size" + key, torch::tensor({int64_t{640}, int64_t{480}})},
        {"crop_ltrb" + key,
         torch::tensor({0.0, 3.0, 64.0, 51.0}, torch::kFloat64)}};
  }

  void Write(const std::string& name, const Arrays& arrays) {
    std::map<std::string, std::string> entries;
    for (const auto& [array, values] : arrays) {
      entries[NpzEntryName(array)] = FormatNpy(values).value();
    }
    ASSERT_TRUE(WriteNpz(dir_.File(name), entries, "").ok());
  }

  absl::StatusOr<NpzLatents> Read(const LatentNpzFormat& format,
                                  bool skip_check = false) {
    return ReadLatentNpz(format, image_, skip_check);
  }

  static NpzLatents Upright(const Tensor& latents) {
    NpzLatents made;
    made.latents = latents;
    return made;
  }

  std::vector<std::string> NamesIn(const std::string& name) {
    return NpzFile::Open(dir_.File(name)).value().names();
  }

  atelier::testing::TempDir dir_;
  LatentNpzImage image_;
  LatentNpzFormat sdxl_;
  LatentNpzFormat flux_;
  const Tensor latents_ = torch::randn({4, 6, 8});
};

TEST_F(LatentNpzTest, NamesHaveTheImagesSizeInFourDigits) {
  EXPECT_THAT(
      LatentNpzPaths(sdxl_, image_),
      ElementsAre(dir_.File("cat.npz"), dir_.File("cat_0640x0480_sdxl.npz"),
                  dir_.File("cat_0640x0480_sd.npz")));
  image_.size = {12345, 7};
  EXPECT_THAT(LatentNpzPaths(flux_, image_),
              ElementsAre(dir_.File("cat_12345x0007_flux.npz")));
}

TEST_F(LatentNpzTest, EveryNameThatSdScriptsGaveIsRead) {
  for (const char* name :
       {"cat.npz", "cat_0640x0480_sdxl.npz", "cat_0640x0480_sd.npz"}) {
    Write(name, Stored(latents_));
    const auto found = Read(sdxl_);
    ASSERT_TRUE(found.ok()) << name << found.status();
    EXPECT_TRUE(found->latents.equal(latents_));
    EXPECT_FALSE(found->is_proven);
    fs::remove(dir_.File(name));
  }
  EXPECT_TRUE(absl::IsNotFound(Read(sdxl_).status()));
}

TEST_F(LatentNpzTest, ScaledLatentsAreBroughtBackToTheAutoencodersOwn) {
  Write("cat_0640x0480_flux.npz", Stored((latents_ - 0.5) * 4, "_6x8"));
  const auto found = Read(flux_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->latents.allclose(latents_, 1e-6, 1e-6));
}

TEST_F(LatentNpzTest, KeysWithASizeGoFirstAndOthersSizesAreNotTaken) {
  Arrays arrays = Stored(torch::randn({4, 12, 16}));
  arrays.merge(Stored(latents_, "_6x8"));
  Write("cat_0640x0480_sdxl.npz", arrays);
  EXPECT_TRUE(Read(sdxl_)->latents.equal(latents_));
  Write("cat_0640x0480_flux.npz", Stored(latents_, "_12x16"));
  EXPECT_TRUE(absl::IsNotFound(Read(flux_).status()));
  Write("cat_0640x0480_flux.npz", Stored(latents_));
  EXPECT_TRUE(absl::IsNotFound(Read(flux_).status()));
}

TEST_F(LatentNpzTest, WhatDoesNotFitIsSaidWithTheFile) {
  const auto error = [&](const Arrays& arrays) {
    Write("cat_0640x0480_sdxl.npz", arrays);
    return std::string(Read(sdxl_).status().message());
  };
  EXPECT_THAT(error(Stored(torch::randn({4, 12, 16}))),
              HasSubstr("cat_0640x0480_sdxl.npz: latents is [4, 12, 16]"));
  EXPECT_THAT(error(Stored(torch::randn({16, 6, 8}))), HasSubstr("[16, 6, 8]"));
  EXPECT_THAT(error(Stored(torch::full(
                  {4, 6, 8}, std::numeric_limits<float>::quiet_NaN()))),
              HasSubstr("not finite"));
  Arrays moved = Stored(latents_);
  moved["crop_ltrb"] = torch::tensor({8.0, 0.0, 56.0, 48.0}, torch::kFloat64);
  EXPECT_THAT(error(moved), HasSubstr("cropped"));
  Arrays other = Stored(latents_);
  other["original_size"] = torch::tensor({int64_t{480}, int64_t{640}});
  EXPECT_THAT(error(other), HasSubstr("480x640"));
  EXPECT_THAT(error({{"latents", latents_}}), HasSubstr("no original_size"));
  testing::WriteText(dir_.File("cat_0640x0480_sdxl.npz"), "PK no archive");
  EXPECT_TRUE(absl::IsDataLoss(Read(sdxl_).status())) << Read(sdxl_).status();
}

TEST_F(LatentNpzTest, ADamagedFileDoesNotHideTheNext) {
  testing::WriteText(dir_.File("cat.npz"), "key points of a cat");
  Write("cat_0640x0480_sdxl.npz", Stored(latents_));
  EXPECT_TRUE(Read(sdxl_).ok());
}

TEST_F(LatentNpzTest, FlippedLatentsMustBeThereWhereTheyAreNeeded) {
  image_.needs_flipped = true;
  Arrays arrays = Stored(latents_);
  Write("cat_0640x0480_sdxl.npz", arrays);
  EXPECT_TRUE(absl::IsNotFound(Read(sdxl_).status()));
  arrays["latents_flipped"] = latents_.flip(2);
  Write("cat_0640x0480_sdxl.npz", arrays);
  const auto found = Read(sdxl_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->flipped.equal(latents_.flip(2)));
}

TEST_F(LatentNpzTest, AnImageThatIsNewerIsNotTheFilesUnlessChecksAreSkipped) {
  Write("cat_0640x0480_sdxl.npz", Stored(latents_));
  fs::last_write_time(image_.path,
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_THAT(std::string(Read(sdxl_).status().message()),
              HasSubstr("older than its image"));
  EXPECT_TRUE(Read(sdxl_, /*skip_check=*/true).ok());
}

TEST_F(LatentNpzTest, TurnedImagesAreNotThoseOfSdScripts) {
  Write("cat_0640x0480_sdxl.npz", Stored(latents_));
  image_.is_turned = true;
  EXPECT_TRUE(absl::IsNotFound(Read(sdxl_).status()));
}

TEST_F(LatentNpzTest, WrittenFilesHaveSdScriptsArraysAndProveWhatTheyAreOf) {
  image_.needs_flipped = true;
  NpzLatents made = Upright(latents_);
  made.flipped = latents_.flip(2);
  ASSERT_TRUE(WriteLatentNpz(sdxl_, image_, made).ok());
  EXPECT_THAT(NamesIn("cat_0640x0480_sdxl.npz"),
              UnorderedElementsAre("latents.npy", "latents_flipped.npy",
                                   "original_size.npy", "crop_ltrb.npy"));
  const auto file = NpzFile::Open(dir_.File("cat_0640x0480_sdxl.npz"));
  EXPECT_TRUE(file->Read("original_size")
                  .value()
                  .equal(torch::tensor({int64_t{640}, int64_t{480}})));
  EXPECT_TRUE(
      file->Read("crop_ltrb")
          .value()
          .equal(torch::tensor({0.0, 3.0, 64.0, 51.0}, torch::kFloat64)));
  const auto found = Read(sdxl_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->is_proven);
  EXPECT_TRUE(found->latents.equal(latents_));
  image_.sha256 = "an edited image";
  EXPECT_TRUE(absl::IsNotFound(Read(sdxl_).status()));
  image_.sha256 = "digest-of-image";
  image_.variant.encoder_digest = "another encoder";
  EXPECT_TRUE(absl::IsNotFound(Read(sdxl_).status()));
}

TEST_F(LatentNpzTest, ScaledLatentsAreWrittenWithTheirSizeAndComeBackTheSame) {
  const Tensor through = ThroughNpz(flux_, latents_);
  ASSERT_TRUE(WriteLatentNpz(flux_, image_, Upright(latents_)).ok());
  EXPECT_THAT(NamesIn("cat_0640x0480_flux.npz"),
              UnorderedElementsAre("latents_6x8.npy", "original_size_6x8.npy",
                                   "crop_ltrb_6x8.npy"));
  const auto file = NpzFile::Open(dir_.File("cat_0640x0480_flux.npz"));
  EXPECT_TRUE(file->Read("latents_6x8").value().allclose((latents_ - 0.5) * 4));
  EXPECT_TRUE(Read(flux_)->latents.equal(through));
}

TEST_F(LatentNpzTest, OtherArraysOfAFileStay) {
  Arrays arrays = Stored(torch::randn({4, 12, 16}));
  arrays["alpha_mask"] = torch::ones({96, 128});
  arrays["mine"] = torch::tensor(3);
  Write("cat_0640x0480_sdxl.npz", arrays);
  ASSERT_TRUE(WriteLatentNpz(sdxl_, image_, Upright(latents_)).ok());
  const auto file = NpzFile::Open(dir_.File("cat_0640x0480_sdxl.npz"));
  for (const auto& [name, values] : arrays) {
    EXPECT_TRUE(file->Read(name).value().equal(values)) << name;
  }
  EXPECT_TRUE(file->Read("latents_6x8").value().equal(latents_));
  EXPECT_TRUE(Read(sdxl_)->is_proven);
}

TEST_F(LatentNpzTest, AnOlderFilesNameGoesOnBeingUsed) {
  Write("cat.npz", Stored(torch::randn({4, 6, 8})));
  ASSERT_TRUE(WriteLatentNpz(sdxl_, image_, Upright(latents_)).ok());
  EXPECT_FALSE(fs::exists(dir_.File("cat_0640x0480_sdxl.npz")));
  EXPECT_TRUE(Read(sdxl_)->latents.equal(latents_));
}

TEST_F(LatentNpzTest, AFileThatIsNotOfLatentsIsLeftAlone) {
  Write("cat.npz", {{"key_points", torch::zeros({3})}});
  ASSERT_TRUE(WriteLatentNpz(sdxl_, image_, Upright(latents_)).ok());
  EXPECT_THAT(NamesIn("cat.npz"), ElementsAre("key_points.npy"));
  EXPECT_TRUE(Read(sdxl_)->latents.equal(latents_));
}

}  // namespace
}  // namespace atelier::trainer
