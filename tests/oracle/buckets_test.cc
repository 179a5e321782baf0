// Buckets are those of sd-scripts' BucketManager, value for value.
#include <cmath>

#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/data/bucket.h"

namespace atelier::trainer::buckets_oracle {
namespace {

using nlohmann::json;

ImageSize SizeOf(const json& pair) {
  return {pair[0].get<int>(), pair[1].get<int>()};
}

std::vector<ImageSize> SizesOf(const json& pairs) {
  std::vector<ImageSize> sizes;
  for (const json& pair : pairs) sizes.push_back(SizeOf(pair));
  return sizes;
}

BucketOptions OptionsOf(const json& settings) {
  return {.resolution = SizeOf(settings["reso"]),
          .min_size = settings["min"],
          .max_size = settings["max"],
          .step = settings["step"],
          .no_upscale = settings["no_upscale"]};
}

void ExpectChoice(const BucketChoice& choice, const json& row) {
  const ImageSize size = SizeOf(row["size"]);
  SCOPED_TRACE(row.dump());
  if (row.contains("error")) {
    EXPECT_FALSE(std::isfinite(choice.aspect_error));
    return;
  }
  EXPECT_EQ(choice.bucket, SizeOf(row["bucket"]));
  EXPECT_EQ(choice.resized, SizeOf(row["resized"]));
  EXPECT_DOUBLE_EQ(choice.aspect_error, row["ar_error"].get<double>());
  if (row["crop_ltrb"].is_null()) return;
  const CropBox crop = FittedCrop(choice.bucket, size);
  EXPECT_DOUBLE_EQ(crop.left, row["crop_ltrb"][0].get<double>());
  EXPECT_DOUBLE_EQ(crop.top, row["crop_ltrb"][1].get<double>());
  EXPECT_DOUBLE_EQ(crop.right, row["crop_ltrb"][2].get<double>());
  EXPECT_DOUBLE_EQ(crop.bottom, row["crop_ltrb"][3].get<double>());
}

TEST(BucketsOracle, ResolutionTablesAreTheSame) {
  const json tables = testing::LoadOracleJson("data/bucket_resolutions.json");
  ASSERT_FALSE(tables.empty());
  for (const json& table : tables) {
    const BucketOptions options = {.resolution = SizeOf(table["max_reso"]),
                                   .min_size = table["min_size"],
                                   .max_size = table["max_size"],
                                   .step = table["divisible"]};
    EXPECT_EQ(MakeBucketResolutions(options), SizesOf(table["resolutions"]))
        << table["max_reso"];
  }
}

TEST(BucketsOracle, EveryImageGoesToTheSameBucketInTheSameWay) {
  const json cases = testing::LoadOracleJson("data/buckets.json");
  ASSERT_FALSE(cases.empty());
  for (const json& one : cases) {
    SCOPED_TRACE(one["settings"].dump());
    BucketSet buckets(OptionsOf(one["settings"]));
    if (!one["predefined"].is_null()) {
      EXPECT_EQ(buckets.predefined(), SizesOf(one["predefined"]));
    }
    for (const json& row : one["images"]) {
      ExpectChoice(buckets.Select(SizeOf(row["size"])), row);
    }
    EXPECT_EQ(buckets.sizes(), SizesOf(one["created_order"]));
  }
}

TEST(BucketsOracle, SortedBucketsHoldTheSameImages) {
  for (const json& one : testing::LoadOracleJson("data/buckets.json")) {
    SCOPED_TRACE(one["settings"].dump());
    BucketSet buckets(OptionsOf(one["settings"]));
    int64_t added = 0;
    for (const json& row : one["images"]) {
      const BucketChoice choice = buckets.Select(SizeOf(row["size"]));
      if (!row.contains("error")) buckets.Add(choice.bucket, added);
      ++added;
    }
    buckets.Sort();
    ASSERT_EQ(buckets.sizes().size(), one["sorted"].size());
    for (size_t i = 0; i < buckets.sizes().size(); ++i) {
      EXPECT_EQ(buckets.sizes()[i], SizeOf(one["sorted"][i]["reso"]));
      EXPECT_EQ(buckets.images()[i],
                one["sorted"][i]["images"].get<std::vector<int64_t>>());
    }
  }
}

}  // namespace
}  // namespace atelier::trainer::buckets_oracle
