#include "proto/cc/error_details.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/reasons.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ErrorDetailsTest, ErrorCarriesReasonAndMetadata) {
  const absl::Status status =
      MakeError(absl::StatusCode::kNotFound, reasons::kJobNotFound,
                "job 7 does not exist", {{"id", "7"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "job 7 does not exist");
  EXPECT_EQ(ErrorReason(status), "JOB_NOT_FOUND");
  EXPECT_THAT(MetadataOf(status), ElementsAre(Pair("id", "7")));
}

TEST(ErrorDetailsTest, BadRequestListsEveryViolation) {
  const absl::Status status =
      MakeBadRequest({{"a", "a is 1"}, {"b", "b is 2"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "2 problems: a is 1; b is 2");
  EXPECT_EQ(ErrorReason(status), "INVALID_OPTIONS");
  EXPECT_THAT(ViolationsOf(status),
              ElementsAre(Violation{"a", "a is 1"}, Violation{"b", "b is 2"}));
}

TEST(ErrorDetailsTest, SingleViolationIsTheMessage) {
  EXPECT_EQ(MakeBadRequest({{"a", "a is 1"}}).message(), "a is 1");
}

TEST(ErrorDetailsTest, NothingAtFaultIsOk) {
  EXPECT_TRUE(MakeBadRequest(absl::Span<const Violation>()).ok());
}

TEST(ErrorDetailsTest, PlainStatusCarriesNothing) {
  const absl::Status status = absl::InternalError("broken");
  EXPECT_EQ(ErrorReason(status), "");
  EXPECT_TRUE(ViolationsOf(status).empty());
  EXPECT_TRUE(MetadataOf(status).empty());
}

}  // namespace
}  // namespace atelier
