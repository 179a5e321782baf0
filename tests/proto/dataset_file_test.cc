#include "proto/cc/dataset_file.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"

namespace atelier {
namespace {

using ::testing::HasSubstr;

class DatasetFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<toml::table> Read(const std::string& name,
                                   const std::string& text) {
    std::ofstream(dir_.File(name)) << text;
    return ReadDatasetFile(dir_.File(name));
  }

  testing::TempDir dir_;
};

TEST_F(DatasetFileTest, JsonBecomesTheTreeThatTomlIs) {
  const auto json = Read("d.json", R"({"general": {"a": 1, "b": [2.5, true]},
                                       "datasets": [{"c": "x"}]})");
  const auto toml = Read("d.toml",
                         "[general]\na = 1\nb = [2.5, true]\n"
                         "[[datasets]]\nc = \"x\"\n");
  ASSERT_TRUE(json.ok()) << json.status();
  ASSERT_TRUE(toml.ok()) << toml.status();
  EXPECT_TRUE(*json == *toml);
}

TEST_F(DatasetFileTest, NodesOfTomlKnowTheirPlaceAndThoseOfJsonTheirFile) {
  const auto toml = Read("d.toml", "a = 1\nb = 2\n");
  const auto json = Read("d.json", "{\"a\": 1,\n\"b\": 2}");
  ASSERT_TRUE(toml.ok() && json.ok());
  EXPECT_EQ(PlaceIn("d", *toml->get("b")), "d:2:5: ");
  EXPECT_EQ(PlaceIn("d", *json->get("b")), "d: ");
}

TEST_F(DatasetFileTest, OnlyTomlAndJsonAreRead) {
  EXPECT_THAT(std::string(Read("d.yaml", "a: 1").status().message()),
              HasSubstr("expected a .toml or .json file, found "));
  EXPECT_EQ(ReadDatasetFile(dir_.File("none.json")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(ReadDatasetFile(dir_.path() + "/x.json").ok());
}

TEST_F(DatasetFileTest, JsonErrorsNameTheirPlace) {
  EXPECT_THAT(
      std::string(Read("d.json", "{\"a\": 1,\n  b}").status().message()),
      HasSubstr("d.json:2:3: is not JSON from here on"));
  EXPECT_THAT(
      std::string(
          Read("d.json", "{\"a\": {\"b\": [null]}}").status().message()),
      HasSubstr("a.b[0]: is null; leave the key out"));
}

}  // namespace
}  // namespace atelier
