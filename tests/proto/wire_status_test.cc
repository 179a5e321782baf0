#include "proto/cc/wire_status.h"

#include "gmock/gmock.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

#include "proto/cc/reasons.h"
#include "proto/cc/status.h"

namespace atelier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

absl::Status ThroughTheWire(const absl::Status& status) {
  return FromGrpcStatus(ToGrpcStatus(status));
}

TEST(WireStatusTest, OkStaysOk) {
  EXPECT_TRUE(ThroughTheWire(absl::OkStatus()).ok());
}

TEST(WireStatusTest, EverythingArrives) {
  const absl::Status sent =
      MakeBadRequest({{"training.run.seed", "seed is -1"}});
  const absl::Status received = ThroughTheWire(sent);
  EXPECT_EQ(received.code(), sent.code());
  EXPECT_EQ(received.message(), sent.message());
  EXPECT_EQ(ErrorReason(received), "INVALID_OPTIONS");
  EXPECT_EQ(ViolationsOf(received), ViolationsOf(sent));
}

TEST(WireStatusTest, EveryErrorHasAReason) {
  EXPECT_EQ(ErrorReason(ThroughTheWire(absl::InternalError("x"))), "INTERNAL");
}

TEST(WireStatusTest, LocationTrailStaysBehind) {
  const grpc::Status wire =
      ToGrpcStatus(AddLocation(absl::InternalError("broken")));
  EXPECT_THAT(wire.error_details(), Not(HasSubstr("wire_status_test")));
}

TEST(WireStatusTest, LongMessageAndManyViolationsAreCutToFit) {
  std::vector<Violation> violations;
  for (int i = 0; i < 500; ++i) {
    violations.push_back({"field", "漢字 " + std::string(100, 'x')});
  }
  const grpc::Status wire = ToGrpcStatus(MakeBadRequest(violations));
  EXPECT_LE(wire.error_message().size(), 1024u);
  EXPECT_LE(wire.error_details().size(), 3072u);
  const absl::Status received = FromGrpcStatus(wire);
  EXPECT_EQ(ErrorReason(received), "INVALID_OPTIONS");
  EXPECT_FALSE(ViolationsOf(received).empty());
}

TEST(WireStatusTest, HugeMetadataIsDroppedBeforeTheReason) {
  const grpc::Status wire = ToGrpcStatus(
      MakeError(absl::StatusCode::kNotFound, reasons::kArtifactNotFound, "gone",
                {{"path", std::string(10000, 'p')}}));
  EXPECT_LE(wire.error_details().size(), 3072u);
  EXPECT_EQ(ErrorReason(FromGrpcStatus(wire)), "ARTIFACT_NOT_FOUND");
}

TEST(WireStatusTest, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(ThroughTheWire(absl::NotFoundError("a\xff"
                                               "b"))
                .message(),
            "a?b");
}

TEST(WireStatusTest, BrokenDetailsAreDropped) {
  const absl::Status received = FromGrpcStatus(
      grpc::Status(grpc::StatusCode::ABORTED, "why", "\xff\xff\xff"));
  EXPECT_EQ(received.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(received.message(), "why");
  EXPECT_EQ(ErrorReason(received), "");
}

}  // namespace
}  // namespace atelier
