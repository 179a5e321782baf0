#include <fstream>
#include <set>
#include <sstream>

#include "gmock/gmock.h"

#include "client/sd_scripts/option_markdown.h"
#include "tests/client/sd_scripts/sd_scripts_fixture.h"

namespace atelier::client::sd_scripts {
namespace {

using ::testing::HasSubstr;

struct ListedOption {
  std::string name;
  std::string scripts;
  std::string kind;
};

// options.txt, which was written down from the scripts' own parsers.
std::vector<ListedOption> ListedOptions() {
  std::ifstream file(SD_SCRIPTS_TEST_DATA "/options.txt");
  std::vector<ListedOption> options;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    ListedOption& option = options.emplace_back();
    words >> option.name >> option.scripts >> option.kind;
  }
  return options;
}

std::string KindName(ValueKind kind) {
  switch (kind) {
    case ValueKind::kFlag:
      return "flag";
    case ValueKind::kInteger:
      return "integer";
    case ValueKind::kNumber:
      return "number";
    case ValueKind::kShare:
      return "share";
    case ValueKind::kText:
      return "text";
    case ValueKind::kList:
      return "list";
  }
  return "";
}

TEST(OptionTableTest, EveryOptionOfEveryScriptHasItsRowAndNoOther) {
  std::set<std::string> listed;
  for (const ListedOption& option : ListedOptions()) {
    for (const Script& script : AllScripts()) {
      const bool has =
          option.scripts.find(script.letter) != option.scripts.npos;
      const OptionRow* row = FindRow(option.name, script);
      ASSERT_EQ(row != nullptr, has) << option.name << " " << script.file;
      if (!has) continue;
      EXPECT_EQ(KindName(row->kind), option.kind) << option.name;
    }
    listed.insert(option.name);
  }
  EXPECT_GT(listed.size(), 200u);
  for (const OptionRow& row : AllRows()) {
    EXPECT_EQ(listed.count(row.name), 1u) << row.name;
  }
}

TEST(OptionTableTest, RowsOfOneNameShareNoScript) {
  std::set<std::string> seen;
  for (const OptionRow& row : AllRows()) {
    for (const char* letter = row.scripts; *letter != '\0'; ++letter) {
      EXPECT_TRUE(seen.insert(std::string(row.name) + *letter).second)
          << row.name;
    }
  }
}

TEST(OptionTableTest, EveryOptionThatAScriptHearsIsTakenOrHasAReason) {
  for (const OptionRow& row : AllRows()) {
    for (const Script& script : AllScripts()) {
      if (FindRow(row.name, script) != &row) continue;
      const Treatment treatment = TreatmentOf(row, script, script.architecture);
      EXPECT_TRUE(treatment.option != nullptr || !treatment.reason.empty())
          << row.name;
      const bool is_mapped =
          row.action == Action::kSame || row.action == Action::kOther;
      EXPECT_FALSE(is_mapped && treatment.action == Action::kRefused)
          << row.name << " of " << script.file << ": " << treatment.reason;
    }
  }
}

TEST(OptionTableTest, ReadmeHasTheTableAsItIsGenerated) {
  std::ifstream file(CLIENT_README);
  std::stringstream readme;
  readme << file.rdbuf();
  EXPECT_THAT(readme.str(), HasSubstr(OptionTable()))
      << "replace the table in client/README.md by the output of `atelier "
         "convert --table`";
}

}  // namespace
}  // namespace atelier::client::sd_scripts
