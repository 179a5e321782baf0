#include "trainer/scalars/scalar_log.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "tests/support/temp_dir.h"
#include "tests/trainer/scalars/event_file_reader.h"
#include "trainer/scalars/crc32c.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::EventFile;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::ReadBytes;
using testing::Series;
using ::testing::SizeIs;

class Collected : public EventSink {
 public:
  void Send(Event event) override { events.push_back(std::move(event)); }
  std::vector<Event> events;
};

StepDone Step(int64_t epoch, double loss) {
  StepDone done;
  done.epoch = epoch;
  done.loss = loss;
  done.smoothed_loss = loss / 2;
  done.lr_groups = {{"unet", 0.25}, {"text_encoder", 0.125}};
  done.grad_norm = 3;
  return done;
}

std::vector<std::string> Lines(const fs::path& path) {
  std::istringstream text(ReadBytes(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

class ScalarLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<ScalarLog> Open(const std::string& log_with) {
    ScalarLogOptions options;
    options.logging_dir = dir_.path() + "/logs";
    options.output_dir = dir_.path() + "/out";
    options.log_with = log_with;
    options.log_prefix = "cats_";
    options.now = [this] { return now_; };
    auto log = ScalarLog::Open(std::move(options), sink_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }

  // A first attempt of steps 1 to 4 and a second from the state of step 2.
  void RunTwice(const std::string& log_with) {
    auto log = Open(log_with);
    for (int step = 1; step <= 4; ++step) log->Send({step, Step(1, step)});
    log = Open(log_with);
    log->Send({2, Resumed{"state"}});
    now_ += absl::Hours(1);
    for (int step = 3; step <= 5; ++step) log->Send({step, Step(1, 10 + step)});
  }

  std::vector<fs::path> Folders() const {
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(dir_.path() + "/logs")) {
      folders.push_back(entry.path());
    }
    return folders;
  }

  std::vector<fs::path> EventFiles() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(Folders().at(0))) {
      files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  atelier::testing::TempDir dir_;
  Collected sink_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
};

TEST(Crc32cTest, HasTheCheckValueOfItsDefinition) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
}

TEST_F(ScalarLogTest, WritesTensorBoardRecordsInAFolderNamedByPrefixAndTime) {
  auto log = Open("tensorboard");
  log->Send({1, Step(1, 0.5)});
  StepDone last = Step(2, 0.75);
  last.total_steps = 2;
  log->Send({2, last});
  ASSERT_THAT(Folders(), SizeIs(1));
  EXPECT_EQ(Folders()[0].filename(), "cats_20231114221320");
  const EventFile file(EventFiles().at(0));
  EXPECT_EQ(file.version, "brain.Event:2");
  EXPECT_THAT(Series(file, "loss"), ElementsAre(Pair(1, 0.5), Pair(2, 0.75)));
  EXPECT_THAT(Series(file, "loss/average"),
              ElementsAre(Pair(1, 0.25), Pair(2, 0.375)));
  EXPECT_THAT(Series(file, "lr/text_encoder"), Contains(Pair(2, 0.125)));
  EXPECT_THAT(Series(file, "grad_norm"), Contains(Pair(1, 3)));
  // Over epochs, not steps.
  EXPECT_THAT(Series(file, "loss/epoch"),
              ElementsAre(Pair(1, 0.5), Pair(2, 0.75)));
}

TEST_F(ScalarLogTest, WritesValidationLosses) {
  Validated validated;
  validated.rows = {{"weights", 0.5, 0.25, {}, {}},
                    {"ema0.999", 0.375, 0.125, {}, {}}};
  auto log = Open("jsonl");
  log->Send({1, Step(1, 0.5)});
  log->Send({1, validated});
  const auto lines = Lines(Folders().at(0) / "scalars.jsonl");
  ASSERT_THAT(lines, SizeIs(2));
  const auto json = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(json["loss/validation"], 0.5);
  EXPECT_EQ(json["loss/validation_train"], 0.25);
  EXPECT_EQ(json["loss/validation/ema0.999"], 0.375);
}

TEST_F(ScalarLogTest, AResumedRunGoesOnInItsFolderWithoutDoubledSteps) {
  RunTwice("all");
  ASSERT_THAT(Folders(), SizeIs(1));
  std::vector<int64_t> steps;
  for (const std::string& line : Lines(Folders()[0] / "scalars.jsonl")) {
    const auto json = nlohmann::json::parse(line);
    if (json.contains("loss")) steps.push_back(json["step"].get<int64_t>());
  }
  EXPECT_THAT(steps, ElementsAre(1, 2, 3, 4, 5));
  std::vector<std::string> losses;
  for (const std::string& line : Lines(Folders()[0] / "scalars.csv")) {
    if (line.find(",loss,") != std::string::npos) {
      losses.push_back(line.substr(line.rfind(',') + 1));
    }
  }
  EXPECT_THAT(losses, ElementsAre("1", "2", "13", "14", "15"));
  EXPECT_EQ(Lines(Folders()[0] / "scalars.csv")[0],
            "wall_time,step,epoch,tag,value");
}

TEST_F(ScalarLogTest, TensorBoardIsToldFromWhichStepAResumedRunGoesOn) {
  RunTwice("tensorboard");
  ASSERT_THAT(EventFiles(), SizeIs(2));
  EXPECT_THAT(EventFile(EventFiles()[0]).starts, IsEmpty());
  const EventFile second(EventFiles()[1]);
  EXPECT_THAT(second.starts, ElementsAre(3));
  EXPECT_THAT(Series(second, "loss"),
              ElementsAre(Pair(3, 13), Pair(4, 14), Pair(5, 15)));
}

TEST_F(ScalarLogTest, AnEpochThatWasNotSeenWholeHasNoMean) {
  RunTwice("tensorboard");
  auto log = Open("tensorboard");
  log->Send({5, Resumed{"state"}});
  log->Send({6, Step(2, 2)});
  log->Send({7, Step(3, 4)});
  log->Send({8, Step(3, 8)});
  log->Send({9, Step(4, 1)});
  ASSERT_THAT(EventFiles(), SizeIs(3));
  EXPECT_THAT(Series(EventFile(EventFiles()[1]), "loss/epoch"), IsEmpty());
  EXPECT_THAT(Series(EventFile(EventFiles()[2]), "loss/epoch"),
              ElementsAre(Pair(3, 6)));
}

TEST_F(ScalarLogTest, StepsDoneAgainTakeThePlaceOfTheFirst) {
  auto log = Open("all");
  for (const int step : {1, 2, 3}) log->Send({step, Step(1, step)});
  for (const int step : {2, 3}) log->Send({step, Step(1, 10 + step)});
  EXPECT_THAT(Lines(Folders().at(0) / "scalars.jsonl"), SizeIs(3));
  for (const fs::path& path : EventFiles()) {
    if (path.extension() == ".csv" || path.extension() == ".jsonl") continue;
    EXPECT_THAT(EventFile(path).starts, ElementsAre(2));
  }
}

TEST_F(ScalarLogTest, ALineCutByACrashIsTakenAwayByTheNextAttempt) {
  Open("jsonl")->Send({1, Step(1, 0.5)});
  const fs::path path = Folders().at(0) / "scalars.jsonl";
  std::ofstream(path, std::ios::app) << "{\"step\": 2, \"lo";
  auto log = Open("jsonl");
  log->Send({1, Resumed{"state"}});
  log->Send({2, Step(1, 0.75)});
  for (const std::string& line : Lines(path)) {
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
}

TEST_F(ScalarLogTest, ARunFromTheStartHasAFolderOfItsOwn) {
  Open("csv")->Send({1, Step(1, 0.5)});
  Open("csv")->Send({1, Step(1, 0.5)});
  EXPECT_THAT(Folders(), SizeIs(2));
}

TEST_F(ScalarLogTest, LossesThatAreNotFiniteAreKeptAsSuch) {
  auto log = Open("all");
  log->Send({1, Step(1, std::nan(""))});
  log.reset();
  EXPECT_THAT(ReadBytes(Folders().at(0) / "scalars.jsonl"),
              HasSubstr("\"loss\":null"));
  EXPECT_THAT(ReadBytes(Folders().at(0) / "scalars.csv"),
              HasSubstr(",loss,nan"));
}

TEST_F(ScalarLogTest, EveryEventIsPassedOnAndAFailureIsOneWarning) {
  auto log = Open("csv");
  // The folder that the run's is to be made in goes away.
  fs::remove_all(dir_.path() + "/logs");
  std::ofstream(dir_.path() + "/logs") << "a file";
  log->Send({1, Step(1, 0.5)});
  log->Send({2, Step(1, 0.5)});
  ASSERT_THAT(sink_.events, SizeIs(3));
  const auto* warning = std::get_if<Warning>(&sink_.events[1].kind);
  ASSERT_NE(warning, nullptr);
  EXPECT_THAT(warning->message, HasSubstr("scalars are no longer written"));
}

TEST_F(ScalarLogTest, ALoggingDirThatCannotBeMadeIsAnError) {
  std::ofstream(dir_.path() + "/logs") << "a file";
  ScalarLogOptions options;
  options.logging_dir = dir_.path() + "/logs/below";
  options.now = [this] { return now_; };
  EXPECT_THAT(
      std::string(
          ScalarLog::Open(std::move(options), sink_).status().message()),
      HasSubstr("logging_dir"));
}

}  // namespace
}  // namespace atelier::trainer
