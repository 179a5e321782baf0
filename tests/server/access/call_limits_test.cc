#include "server/access/call_limits.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"

namespace atelier::server {
namespace {

CallPeer Process(uid_t uid) {
  CallPeer peer;
  peer.kind = CallPeer::Kind::kProcess;
  peer.uid = uid;
  return peer;
}

TEST(CallLimitsTest, CallsBeyondTheRateAreToldWhenToComeBack) {
  FakeClock clock;
  CallLimits limits({/*calls_per_second=*/2, /*burst=*/3, 0}, clock);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.TakeCall("a").ok());
  const absl::Status refused = limits.TakeCall("a");
  EXPECT_EQ(ErrorReason(refused), reasons::kTooManyCalls) << refused;
  EXPECT_EQ(RetryDelay(refused), absl::Seconds(0.5));
  EXPECT_TRUE(limits.TakeCall("b").ok());
  clock.Advance(absl::Seconds(0.5));
  EXPECT_TRUE(limits.TakeCall("a").ok());
  EXPECT_FALSE(limits.TakeCall("a").ok());
}

TEST(CallLimitsTest, AClockThatGoesBackTakesNothing) {
  FakeClock clock;
  CallLimits limits({1, 2, 0}, clock);
  EXPECT_TRUE(limits.TakeCall("a").ok());
  clock.Advance(-absl::Hours(1));
  EXPECT_TRUE(limits.TakeCall("a").ok());
  EXPECT_FALSE(limits.TakeCall("a").ok());
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(limits.TakeCall("a").ok());
}

TEST(CallLimitsTest, StreamsAreCountedUntilTheyEnd) {
  FakeClock clock;
  CallLimits limits({0, 1, /*max_streams=*/2}, clock);
  EXPECT_TRUE(limits.BeginStream("a").ok());
  EXPECT_TRUE(limits.BeginStream("a").ok());
  EXPECT_EQ(ErrorReason(limits.BeginStream("a")), reasons::kTooManyStreams);
  EXPECT_TRUE(limits.BeginStream("b").ok());
  limits.EndStream("a");
  EXPECT_TRUE(limits.BeginStream("a").ok());
}

TEST(CallLimitsTest, WhoeverCalledLongAgoIsForgotten) {
  FakeClock clock;
  CallLimits limits({1, 1, 0}, clock);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_TRUE(limits.TakeCall(absl::StrCat("address:", i)).ok());
    clock.Advance(absl::Milliseconds(10));
  }
  EXPECT_LT(limits.size(), 1200u);
}

TEST(CallLimitsTest, ANewTokenOrPortIsNoNewLimit) {
  CallPeer peer;
  peer.address = "ipv4:10.0.0.1:5000";
  peer.token = "guess";
  CallPeer again = peer;
  again.address = "ipv4:10.0.0.1:5001";
  again.token = "another";
  EXPECT_EQ(LimitKey(peer), LimitKey(again));
  EXPECT_NE(LimitKey(Process(1)), LimitKey(Process(2)));
}

}  // namespace
}  // namespace atelier::server
