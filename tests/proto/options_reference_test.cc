#include "proto/cc/options_reference.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(OptionsReferenceTest, EveryOptionHasItsRow) {
  const std::string page = OptionReference(v1::ARCHITECTURE_UNSPECIFIED);
  const std::string help = OptionHelp(v1::ARCHITECTURE_UNSPECIFIED, 80);
  for (const Option& option : AllOptions()) {
    EXPECT_THAT(page, HasSubstr(absl::StrCat("| `", option.name, "` |")));
    EXPECT_THAT(help, HasSubstr(absl::StrCat("  --", option.name)));
  }
}

TEST(OptionsReferenceTest, HelpShowsValueDefaultAndRange) {
  const std::string help = OptionHelp(v1::ARCHITECTURE_SD1, 80);
  EXPECT_THAT(help, HasSubstr("--mixed_precision no|fp16|bf16\n"));
  EXPECT_THAT(help, HasSubstr("--vae PATH\n"));
  EXPECT_THAT(help, HasSubstr("--optimizer_args KEY=VALUE …\n"));
  EXPECT_THAT(help, HasSubstr("(default 2e-6; >= 0 and <= 1000)"));
  EXPECT_THAT(help, HasSubstr("Optimizer: update rule"));
}

TEST(OptionsReferenceTest, OtherArchitecturesOptionsAreLeftOut) {
  EXPECT_THAT(OptionHelp(v1::ARCHITECTURE_FLUX, 80),
              Not(HasSubstr("--min_snr_gamma")));
}

TEST(OptionsReferenceTest, LinesKeepToTheWidth) {
  const std::string help = OptionHelp(v1::ARCHITECTURE_SD1, 60);
  for (const absl::string_view line : absl::StrSplit(help, '\n')) {
    EXPECT_TRUE(line.find("      ") != 0 || line.size() <= 60) << line;
  }
}

TEST(OptionsReferenceTest, BarsInTablesAreEscaped) {
  EXPECT_THAT(OptionReference(v1::ARCHITECTURE_SD1),
              HasSubstr("no\\|fp16\\|bf16"));
}

}  // namespace
}  // namespace atelier
