#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

#include "proto/cc/options_schema.h"
#include "tests/trainer/option_effects/effect_runs.h"
#include "tests/trainer/option_effects/option_effect.h"

namespace atelier::trainer::testing {
namespace {

std::string SeenOf(const RunOutcome& outcome, Seen seen) {
  switch (seen) {
    case Seen::kWeights:
      return outcome.weights;
    case Seen::kFiles:
      return outcome.files;
    case Seen::kMetadata:
      return outcome.metadata;
    case Seen::kSamples:
      return outcome.samples;
    default:
      return outcome.events;
  }
}

// SUITE.NAME of every test in the tree.
const std::set<std::string>& TestsOfTheTree() {
  static const std::set<std::string>& names = *[] {
    auto* found = new std::set<std::string>();
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(ATELIER_TESTS_DIR)) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      for (size_t at = text.find("\nTEST"); at != std::string::npos;
           at = text.find("\nTEST", at + 1)) {
        const size_t open = text.find('(', at);
        const size_t close = text.find(')', open);
        if (close == std::string::npos) break;
        const std::vector<std::string> parts =
            absl::StrSplit(text.substr(open + 1, close - open - 1),
                           absl::ByAnyChar(", \n"), absl::SkipEmpty());
        if (parts.size() == 2) found->insert(parts[0] + "." + parts[1]);
      }
    }
    return found;
  }();
  return names;
}

class OptionEffectsTest : public ::testing::Test {
 protected:
  void Check(const std::vector<OptionEffect>& effects) {
    for (const OptionEffect& effect : effects) {
      SCOPED_TRACE(absl::StrCat("--", effect.option, " ", effect.value));
      if (effect.seen == Seen::kTest) {
        EXPECT_EQ(TestsOfTheTree().count(effect.value), 1)
            << "no such test in the tree";
      } else {
        CheckRuns(effect);
      }
    }
  }

 private:
  void CheckRuns(const OptionEffect& effect) {
    const std::vector<std::string> value =
        absl::StrSplit(effect.value, absl::MaxSplits(" | ", 1));
    const std::string with = absl::StrCat(effect.with, " --", effect.option,
                                          " ", value[0], " ", effect.also);
    if (effect.seen == Seen::kRefusal) {
      const RunOutcome& refused = runs_.Run(effect.architecture, with);
      EXPECT_FALSE(refused.status.ok());
      EXPECT_TRUE(absl::StrContains(refused.status.message(), value[1]))
          << refused.status;
      return;
    }
    const RunOutcome& without = runs_.Run(effect.architecture, effect.with);
    const RunOutcome& changed = runs_.Run(effect.architecture, with);
    ASSERT_TRUE(without.status.ok()) << "without it: " << without.status;
    ASSERT_TRUE(changed.status.ok()) << changed.status;
    EXPECT_TRUE(SeenOf(without, effect.seen) != SeenOf(changed, effect.seen))
        << "it makes no difference";
  }

  EffectRuns runs_;
};

TEST_F(OptionEffectsTest, OfModels) { Check(ModelEffects()); }
TEST_F(OptionEffectsTest, OfDatasets) { Check(DatasetEffects()); }
TEST_F(OptionEffectsTest, OfCaptions) { Check(CaptionEffects()); }
TEST_F(OptionEffectsTest, OfRuns) { Check(RunEffects()); }
TEST_F(OptionEffectsTest, OfOptimizers) { Check(OptimizerEffects()); }
TEST_F(OptionEffectsTest, OfLosses) { Check(LossEffects()); }
TEST_F(OptionEffectsTest, OfOutputs) { Check(OutputEffects()); }
TEST_F(OptionEffectsTest, OfSamples) { Check(SampleEffects()); }
TEST_F(OptionEffectsTest, OfValidation) { Check(ValidationEffects()); }

// Each group of options with its rows: none is without, none is of no option.
TEST(OptionEffectTablesTest, HaveEveryOption) {
  std::set<std::string> rows;
  for (const auto& effects :
       {ModelEffects(), DatasetEffects(), CaptionEffects(), RunEffects(),
        OptimizerEffects(), LossEffects(), OutputEffects(), SampleEffects(),
        ValidationEffects()}) {
    for (const OptionEffect& effect : effects) rows.insert(effect.option);
  }
  for (const Option& option : AllOptions()) {
    EXPECT_EQ(rows.erase(option.name), 1)
        << option.name << " has no row in tests/trainer/option_effects";
  }
  EXPECT_TRUE(rows.empty()) << *rows.begin() << " is no option";
}

}  // namespace
}  // namespace atelier::trainer::testing
