// What a dataset description may get wrong, and what is said of it: the same in
// TOML and in JSON.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/dataset_config.h"

namespace atelier::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Where a key stands in the description below.
enum class Level { kGeneral, kDataset, kSubset };

struct Mistake {
  const char* name;
  Level level;
  const char* key;
  const char* toml;  // the value; where JSON writes it otherwise, `json`
  const char* error;
  const char* json = nullptr;
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

constexpr const char* kPlaces[] = {"general", "datasets[0]",
                                   "datasets[0].subsets[0]"};

class MistakeTest : public ::testing::TestWithParam<Mistake> {
 protected:
  MistakeTest() { std::filesystem::create_directory(dir_.File("cats")); }

  std::string ErrorOf(const std::string& name, const std::string& text) {
    DatasetRequest request;
    request.dataset_config = dir_.File(name);
    testing::WriteText(request.dataset_config, text);
    const auto config = ReadDatasetConfig(request);
    EXPECT_FALSE(config.ok()) << text;
    return std::string(config.status().message());
  }

  static std::string Toml(const Mistake& mistake) {
    std::string text =
        "[general]\nG\n[[datasets]]\nresolution = 512\nD\n"
        "[[datasets.subsets]]\nimage_dir = \"cats\"\nS\n";
    const std::string line = absl::StrCat(mistake.key, " = ", mistake.toml);
    return Fill(text, mistake, line, "");
  }

  static std::string Json(const Mistake& mistake) {
    const std::string text =
        "{\"general\": {G}, \"datasets\": [{D\"resolution\": 512, "
        "\"subsets\": [{S\"image_dir\": \"cats\"}]}]}";
    const char* value = mistake.json ? mistake.json : mistake.toml;
    const std::string member = absl::StrCat("\"", mistake.key, "\": ", value);
    return Fill(text, mistake, member, ", ");
  }

  static std::string Fill(const std::string& text, const Mistake& mistake,
                          const std::string& line, const std::string& after) {
    const auto at = [&](Level level) {
      if (level != mistake.level) return std::string();
      return level == Level::kGeneral ? line : line + after;
    };
    return absl::StrReplaceAll(text,
                               {{"{G}", "{" + at(Level::kGeneral) + "}"},
                                {"\nG\n", "\n" + at(Level::kGeneral) + "\n"},
                                {"{D", "{" + at(Level::kDataset)},
                                {"\nD\n", "\n" + at(Level::kDataset) + "\n"},
                                {"{S", "{" + at(Level::kSubset)},
                                {"\nS\n", "\n" + at(Level::kSubset) + "\n"}});
  }

  atelier::testing::TempDir dir_;
};

TEST_P(MistakeTest, IsNamedWithFileAndKey) {
  const Mistake& mistake = GetParam();
  const std::string key = absl::StrCat(kPlaces[static_cast<int>(mistake.level)],
                                       ".", mistake.key, ": ");
  EXPECT_THAT(
      ErrorOf("data.toml", Toml(mistake)),
      AllOf(HasSubstr("data.toml:"), HasSubstr(key), HasSubstr(mistake.error)));
  EXPECT_THAT(ErrorOf("data.json", Json(mistake)),
              AllOf(HasSubstr("data.json: " + key), HasSubstr(mistake.error)));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, MistakeTest,
    ::testing::Values(
        Mistake{"Misspelt", Level::kGeneral, "shuffle_captoin", "true",
                "unknown key; did you mean shuffle_caption?"},
        Mistake{"Invented", Level::kSubset, "frobnicate", "1", "unknown key"},
        Mistake{"CommandLineOnly", Level::kGeneral, "prior_loss_weight", "1.0",
                "unknown key"},
        Mistake{"SubsetKeyInGeneral", Level::kGeneral, "image_dir", "\"x\"",
                "does not belong here but into [[datasets.subsets]]"},
        Mistake{"SubsetKeyInDataset", Level::kDataset, "is_reg", "true",
                "does not belong here but into [[datasets.subsets]]"},
        Mistake{"AlphaMaskInGeneral", Level::kGeneral, "alpha_mask", "true",
                "does not belong here but into [[datasets.subsets]]"},
        Mistake{"DatasetKeyInSubset", Level::kSubset, "resolution", "512",
                "does not belong here but into [general] or [[datasets]]"},
        Mistake{"SplitInSubset", Level::kSubset, "validation_split", "0.1",
                "does not belong here but into [general] or [[datasets]]"},
        Mistake{"TextForNumber", Level::kSubset, "num_repeats", "\"4\"",
                "expected a whole number, found the text \"4\""},
        Mistake{"ShareForWhole", Level::kGeneral, "keep_tokens", "1.5",
                "expected a whole number, found 1.5"},
        Mistake{"NumberForFlag", Level::kGeneral, "flip_aug", "1",
                "expected true or false, found 1"},
        Mistake{"NumberForText", Level::kGeneral, "caption_extension", "7",
                "expected a text, found 7"},
        Mistake{"ListForText", Level::kSubset, "class_tokens", "[\"a\"]",
                "expected a text, found a list"},
        Mistake{"FlagForNumber", Level::kGeneral, "caption_dropout_rate",
                "true", "expected a number, found true"},
        Mistake{"TextForResolution", Level::kGeneral, "resolution",
                "\"512,512\"", "expected SIZE or [WIDTH, HEIGHT] in pixels"},
        Mistake{"ThreeSides", Level::kGeneral, "resolution", "[1, 2, 3]",
                "expected SIZE or [WIDTH, HEIGHT] in pixels, found a list"},
        Mistake{"NoResolution", Level::kGeneral, "resolution", "0",
                "is 0x0; sides are 1 to 32768 pixels"},
        Mistake{"EmptyBatch", Level::kDataset, "batch_size", "0",
                "is 0; must be from 1 to 4096"},
        Mistake{"RateAboveOne", Level::kGeneral, "caption_tag_dropout_rate",
                "1.5", "is 1.5; must be from 0 to 1"},
        Mistake{"NegativeEpochs", Level::kGeneral,
                "caption_dropout_every_n_epochs", "-1",
                "is -1; must be at least 0"},
        Mistake{"EmptySeparator", Level::kGeneral, "caption_separator", "\"\"",
                "expected a text of one character or more"},
        Mistake{"UnknownInterpolation", Level::kSubset, "resize_interpolation",
                "\"sinc\"", "expected one of lanczos nearest bilinear"},
        Mistake{"SplitOfAll", Level::kGeneral, "validation_split", "1",
                "is 1; must be at least 0 and below 1"},
        Mistake{"NegativeSplit", Level::kDataset, "validation_split", "-0.1",
                "is -0.1; must be at least 0 and below 1"},
        Mistake{"SeedOfText", Level::kGeneral, "validation_seed", "\"a\"",
                "expected a whole number of at least 0"},
        Mistake{"OneEnd", Level::kGeneral, "face_crop_aug_range", "[2.0]",
                "expected [MIN, MAX], the crop's side over the face's"},
        Mistake{"RangeAsText", Level::kGeneral, "face_crop_aug_range",
                "\"2,4\"", "expected [MIN, MAX]"},
        Mistake{"DescendingRange", Level::kSubset, "face_crop_aug_range",
                "[4.0, 2.0]", "is [4, 2]; must be above 0"},
        Mistake{"TableOfAttributes", Level::kSubset, "custom_attributes", "3",
                "expected a table, found 3"},
        Mistake{"CacheInfoOfText", Level::kGeneral, "cache_info", "\"yes\"",
                "expected true or false, found the text \"yes\""},
        Mistake{"MultiplierOfText", Level::kGeneral, "network_multiplier",
                "\"1\"", "expected a number, found the text \"1\""}),
    [](const auto& mistake) { return std::string(mistake.param.name); });

class JsonDatasetTest : public MistakeTest {};

TEST_F(JsonDatasetTest, SyntaxErrorsNameLineAndColumn) {
  EXPECT_THAT(ErrorOf("data.json", "{\n  \"general\": {,}\n}"),
              HasSubstr("data.json:2:15: is not JSON from here on"));
  EXPECT_THAT(ErrorOf("data.json", ""), HasSubstr("is not JSON"));
}

TEST_F(JsonDatasetTest, HostileFilesAreRefusedPlainly) {
  EXPECT_THAT(ErrorOf("data.json", "[1]"), HasSubstr("expected an object"));
  EXPECT_THAT(ErrorOf("data.json", "{}"), HasSubstr("[[datasets]] is needed"));
  EXPECT_THAT(ErrorOf("data.json", "{\"datasets\": [1]}"),
              HasSubstr("datasets"));
  EXPECT_THAT(ErrorOf("data.json", "{\"general\": {\"keep_tokens\": null}}"),
              HasSubstr("general.keep_tokens: is null; leave the key out"));
  EXPECT_THAT(ErrorOf("data.json", "{\"general\": {\"keep_tokens\": 1e999}}"),
              HasSubstr("is not JSON"));
  EXPECT_THAT(ErrorOf("data.json",
                      "{\"general\": {\"keep_tokens\": 18446744073709551615}}"),
              HasSubstr("expected a whole number"));
  const std::string deep(100000, '[');
  EXPECT_THAT(ErrorOf("data.json", "{\"a\": " + deep), HasSubstr("not JSON"));
  EXPECT_THAT(ErrorOf("data.json", "{\"a\": " + std::string(64, '[') +
                                       std::string(64, ']') + "}"),
              HasSubstr("nested too deeply"));
}

TEST_F(JsonDatasetTest, OtherEndingsAreRefused) {
  EXPECT_THAT(ErrorOf("data.yaml", "a: 1"),
              AllOf(HasSubstr("expected a .toml or .json file"),
                    HasSubstr("data.yaml")));
}

TEST_F(JsonDatasetTest, AMissingFolderIsNamedByItsKey) {
  EXPECT_THAT(ErrorOf("data.json",
                      R"({"datasets": [{"resolution": 512, "subsets": [
                          {"image_dir": "cats"}, {"image_dir": "dogs"}]}]})"),
              AllOf(HasSubstr("data.json: datasets[0].subsets[1].image_dir: no "
                              "folder"),
                    HasSubstr("/dogs")));
}

TEST_F(JsonDatasetTest, TheSameDescriptionIsReadAlikeFromBoth) {
  DatasetRequest request;
  request.dataset_config = dir_.File("data.toml");
  testing::WriteText(request.dataset_config, R"(
[general]
shuffle_caption = true
caption_dropout_rate = 1
face_crop_aug_range = [2, 4.5]
[[datasets]]
resolution = [640, 512]
validation_split = 0.25
validation_seed = 7
  [[datasets.subsets]]
  image_dir = "cats"
  num_repeats = 3
  alpha_mask = true
)");
  const auto toml = ReadDatasetConfig(request);
  ASSERT_TRUE(toml.ok()) << toml.status();
  request.dataset_config = dir_.File("data.json");
  testing::WriteText(request.dataset_config, R"({
    "general": {"shuffle_caption": true, "caption_dropout_rate": 1,
                "face_crop_aug_range": [2, 4.5]},
    "datasets": [{"resolution": [640, 512], "validation_split": 0.25,
                  "validation_seed": 7,
                  "subsets": [{"image_dir": "cats", "num_repeats": 3,
                               "alpha_mask": true}]}]})");
  const auto json = ReadDatasetConfig(request);
  ASSERT_TRUE(json.ok()) << json.status();
  for (const DatasetConfig* config : {&*toml, &*json}) {
    const DatasetOptions& dataset = config->datasets.at(0);
    EXPECT_EQ(dataset.width, 640);
    EXPECT_EQ(dataset.height, 512);
    EXPECT_EQ(dataset.validation_split, 0.25);
    EXPECT_EQ(dataset.validation_seed, 7);
    const SubsetOptions& subset = dataset.subsets.at(0);
    EXPECT_EQ(subset.image_dir, dir_.File("cats"));
    EXPECT_EQ(subset.num_repeats, 3);
    EXPECT_TRUE(subset.alpha_mask);
    EXPECT_TRUE(subset.caption.shuffle);
    EXPECT_EQ(subset.caption.dropout_rate, 1);
    ASSERT_TRUE(subset.face_crop.has_value());
    EXPECT_EQ(subset.face_crop->min, 2);
    EXPECT_EQ(subset.face_crop->max, 4.5);
  }
}

}  // namespace
}  // namespace atelier::trainer
