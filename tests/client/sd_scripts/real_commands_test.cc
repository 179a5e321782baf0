// Commands as people run them, from public documentation and threads of the
// scripts, in commands/*.txt. Each file has parts that begin with a line
// `== NAME`:
//   == command      the text
//   == file NAME    a file that the command reads
//   == job ARCH     every option of the job, a line each: NAME = VALUE
//   == ignored      what of the command is not in the job, by name
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/options_from_toml.h"
#include "proto/cc/options_validate.h"
#include "tests/client/sd_scripts/sd_scripts_fixture.h"

namespace atelier::client::sd_scripts {
namespace {

using ::testing::ContainerEq;
using ::testing::IsEmpty;

struct RealCommand {
  std::string text;
  std::map<std::string, std::string> files;
  std::string architecture;
  std::map<std::string, std::string> options;
  std::set<std::string> ignored;
};

std::string Stripped(absl::string_view text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

RealCommand ReadCommandFile(const std::string& path) {
  std::ifstream file(path);
  RealCommand command;
  std::string part;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "== ")) {
      part = line.substr(3);
      if (absl::StartsWith(part, "job ")) command.architecture = part.substr(4);
      continue;
    }
    const std::pair<std::string, std::string> sides =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (part == "command") command.text += line + "\n";
    if (absl::StartsWith(part, "file ")) {
      command.files["/train/" + part.substr(5)] += line + "\n";
    }
    if (absl::StartsWith(part, "job ") && !Stripped(line).empty()) {
      command.options[Stripped(sides.first)] = Stripped(sides.second);
    }
    if (part == "ignored" && !Stripped(line).empty()) {
      command.ignored.insert(Stripped(line));
    }
  }
  return command;
}

class RealCommandsTest : public SdScriptsTest {
 protected:
  static std::map<std::string, std::string> OptionsOf(
      const v1::TrainingConfig& training) {
    std::map<std::string, std::string> options;
    for (const Option* option : SetOptions(training)) {
      options[option->name] = ValueOf(training, option->name);
    }
    return options;
  }

  static std::set<std::string> IgnoredOf(const Conversion& conversion) {
    std::set<std::string> ignored;
    for (const Disposition& each : conversion.dispositions) {
      if (each.does == Does::kIgnored) ignored.insert(each.given);
    }
    return ignored;
  }

  void Check(const std::string& path) {
    const RealCommand command = ReadCommandFile(path);
    files_ = command.files;
    const auto conversion = Text(command.text);
    ASSERT_TRUE(conversion.ok()) << conversion.status();
    EXPECT_THAT(Refusals(*conversion), IsEmpty());
    EXPECT_THAT(ValidateJobSpec(conversion->spec), IsEmpty());
    EXPECT_EQ(ArchitectureName(conversion->spec.architecture()),
              command.architecture);
    EXPECT_THAT(OptionsOf(conversion->spec.training()),
                ContainerEq(command.options));
    EXPECT_THAT(IgnoredOf(*conversion), ContainerEq(command.ignored));
    const auto read = JobSpecFromToml(JobText(*conversion), "job.toml", "/x");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->SerializeAsString(), conversion->spec.SerializeAsString());
  }
};

TEST_F(RealCommandsTest, TwentyFiveAndMoreConvertWithoutLoss) {
  std::set<std::string> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(SD_SCRIPTS_TEST_DATA "/commands")) {
    paths.insert(entry.path().string());
  }
  EXPECT_GE(paths.size(), 25u);
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    Check(path);
  }
}

}  // namespace
}  // namespace atelier::client::sd_scripts
