#include "trainer/scalars/scalar_log.h"

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "tests/support/temp_dir.h"
#include "trainer/scalars/crc32c.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
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

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const fs::path& path) {
  std::istringstream text(Read(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// A reader of event files that knows no more than TensorFlow's description of
// them: checks every checksum.
struct Scalar {
  int64_t step;
  std::string tag;
  double value;
};

class EventFile {
 public:
  explicit EventFile(const fs::path& path) : bytes_(Read(path)) {
    while (place_ < bytes_.size()) ReadRecord();
  }

  std::vector<Scalar> scalars;
  std::vector<int64_t> starts;  // steps of START records
  std::string version;

 private:
  using Fields = std::vector<std::pair<int, std::string>>;

  uint64_t Little(std::string_view bytes) const {
    uint64_t number = 0;
    for (size_t i = bytes.size(); i-- > 0;) {
      number = number << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return number;
  }

  std::string Checked(size_t size) {
    const std::string bytes = bytes_.substr(place_, size);
    const uint64_t crc = Little(bytes_.substr(place_ + size, 4));
    EXPECT_EQ(MaskedCrc32c(bytes), crc);
    place_ += size + 4;
    return bytes;
  }

  static uint64_t Varint(const std::string& bytes, size_t& at) {
    uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes.at(at++));
      number |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
  }

  // Fields of a message; numbers as eight little-endian bytes.
  static Fields FieldsOf(const std::string& message) {
    Fields fields;
    for (size_t at = 0; at < message.size();) {
      const uint64_t key = Varint(message, at);
      const int wire = static_cast<int>(key & 7);
      std::string value;
      if (wire == 0) {
        const uint64_t number = Varint(message, at);
        value.assign(reinterpret_cast<const char*>(&number), 8);
      } else {
        const size_t size = wire == 1 ? 8 : wire == 5 ? 4 : Varint(message, at);
        value = message.substr(at, size);
        at += size;
      }
      fields.emplace_back(static_cast<int>(key >> 3), value);
    }
    return fields;
  }

  static std::string Field(const Fields& fields, int number) {
    for (const auto& [field, value] : fields) {
      if (field == number) return value;
    }
    return "";
  }

  void ReadRecord() {
    const size_t size = Little(Checked(8));
    const Fields event = FieldsOf(Checked(size));
    const auto step = static_cast<int64_t>(Little(Field(event, 2)));
    if (const std::string text = Field(event, 3); !text.empty()) version = text;
    if (const std::string log = Field(event, 7); !log.empty()) {
      EXPECT_EQ(Little(Field(FieldsOf(log), 1)), 1u);
      starts.push_back(step);
    }
    for (const auto& [number, value] : FieldsOf(Field(event, 5))) {
      const Fields fields = FieldsOf(value);
      const auto bits = static_cast<uint32_t>(Little(Field(fields, 2)));
      scalars.push_back({step, Field(fields, 1), std::bit_cast<float>(bits)});
    }
  }

  std::string bytes_;
  size_t place_ = 0;
};

// The values of a tag by step.
std::vector<std::pair<int64_t, double>> Series(const EventFile& file,
                                               const std::string& tag) {
  std::vector<std::pair<int64_t, double>> series;
  for (const Scalar& scalar : file.scalars) {
    if (scalar.tag == tag) series.emplace_back(scalar.step, scalar.value);
  }
  return series;
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

  testing::TempDir dir_;
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
  EXPECT_THAT(Read(Folders().at(0) / "scalars.jsonl"),
              HasSubstr("\"loss\":null"));
  EXPECT_THAT(Read(Folders().at(0) / "scalars.csv"), HasSubstr(",loss,nan"));
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
