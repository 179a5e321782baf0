#include "trainer/checkpoint/training_state.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/atomic_file.h"

namespace atelier::trainer {
namespace {

using atelier::testing::TempDir;
using ::testing::HasSubstr;

TrainingState StateOfStep(int64_t step) {
  TrainingState state;
  state.progress.step = step;
  state.progress.epoch = 2;
  state.progress.position_in_epoch = 5;
  state.progress.seed = ~uint64_t{0};
  state.progress.options_digest = "abc";
  state.progress.extra = {{"loss", 0.1}, {"scale", 65536.0}};
  state.model = {{"unet.w", torch::rand({2, 3})}};
  state.optimizer = {{"unet.w.exp_avg", torch::rand({2, 3})},
                     {"unet.w.step", torch::tensor(3.0f)}};
  return state;
}

void Damage(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x7f');
}

TEST(TrainingStateTest, EverythingIsReadBackBitForBit) {
  const TempDir dir;
  const TrainingState state = StateOfStep(7);
  const auto size = WriteTrainingState(dir.File("a-state"), state);
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_GT(*size, 0);
  ASSERT_TRUE(VerifyTrainingState(dir.File("a-state")).ok());
  const auto read = ReadTrainingState(dir.File("a-state"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->progress.step, 7);
  EXPECT_EQ(read->progress.epoch, 2);
  EXPECT_EQ(read->progress.position_in_epoch, 5);
  EXPECT_EQ(read->progress.seed, ~uint64_t{0});
  EXPECT_EQ(read->progress.options_digest, "abc");
  EXPECT_EQ(read->progress.extra, state.progress.extra);
  EXPECT_TRUE(read->model.at("unet.w").equal(state.model.at("unet.w")));
  EXPECT_TRUE(read->optimizer.at("unet.w.step").equal(torch::tensor(3.0f)));
}

TEST(TrainingStateTest, AStateWithoutOptimizerIsWhole) {
  const TempDir dir;
  TrainingState state = StateOfStep(1);
  state.optimizer.clear();
  ASSERT_TRUE(WriteTrainingState(dir.File("a-state"), state).ok());
  EXPECT_TRUE(VerifyTrainingState(dir.File("a-state")).ok());
  EXPECT_TRUE(ReadTrainingState(dir.File("a-state"))->optimizer.empty());
}

TEST(TrainingStateTest, TheNewestIsFoundByItsStep) {
  const TempDir dir;
  ASSERT_TRUE(WriteTrainingState(dir.File("z-state"), StateOfStep(3)).ok());
  ASSERT_TRUE(WriteTrainingState(dir.File("a-state"), StateOfStep(12)).ok());
  std::filesystem::create_directory(dir.File("other"));
  const NewestState newest = FindNewestState(dir.path());
  ASSERT_TRUE(newest.path.has_value());
  EXPECT_EQ(*newest.path, dir.File("a-state"));
  EXPECT_TRUE(newest.skipped.empty());
}

TEST(TrainingStateTest, BrokenStatesAreSkippedWithTheReason) {
  const TempDir dir;
  for (int64_t step : {1, 2, 3, 4}) {
    ASSERT_TRUE(WriteTrainingState(dir.File(std::to_string(step) + "-state"),
                                   StateOfStep(step))
                    .ok());
  }
  Damage(dir.File("4-state/model.safetensors"));
  std::filesystem::remove(dir.File("3-state/manifest.json"));
  std::filesystem::remove(dir.File("2-state/optimizer.safetensors"));
  const NewestState newest = FindNewestState(dir.path());
  ASSERT_TRUE(newest.path.has_value());
  EXPECT_EQ(*newest.path, dir.File("1-state"));
  ASSERT_EQ(newest.skipped.size(), 3u);
  EXPECT_THAT(newest.skipped[0],
              HasSubstr("4-state/model.safetensors is not what was written"));
  EXPECT_THAT(newest.skipped[1], HasSubstr("3-state/manifest.json"));
  EXPECT_THAT(newest.skipped[2], HasSubstr("2-state/optimizer.safetensors"));
}

TEST(TrainingStateTest, AFolderWithoutStatesHasNoNewest) {
  const TempDir dir;
  EXPECT_FALSE(FindNewestState(dir.path()).path.has_value());
  EXPECT_FALSE(FindNewestState(dir.File("missing")).path.has_value());
}

TEST(TrainingStateTest, AnotherFormatVersionIsRefused) {
  const TempDir dir;
  ASSERT_TRUE(WriteTrainingState(dir.File("a-state"), StateOfStep(1)).ok());
  const std::string path = dir.File("a-state/state.json");
  nlohmann::json json = nlohmann::json::parse(ReadFile(path).value());
  json["format_version"] = 99;
  ASSERT_TRUE(WriteFileAtomically(path, json.dump()).ok());
  EXPECT_EQ(ReadTrainingState(dir.File("a-state")).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(TrainingStateTest, AManifestThatNamesForeignFilesIsRefused) {
  const TempDir dir;
  ASSERT_TRUE(WriteTrainingState(dir.File("a-state"), StateOfStep(1)).ok());
  const std::string path = dir.File("a-state/manifest.json");
  nlohmann::json json = nlohmann::json::parse(ReadFile(path).value());
  json["../x"] = json["state.json"];
  ASSERT_TRUE(WriteFileAtomically(path, json.dump()).ok());
  EXPECT_EQ(VerifyTrainingState(dir.File("a-state")).code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace atelier::trainer
