#include "server/jobs/attempt_token.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"

#include "atelier/v1/job_spec.pb.h"
#include "server/jobs/job_message.h"
#include "server/jobs/job_paths.h"

namespace atelier::server {
namespace {

TEST(AttemptTokenTest, OnlyTheRightTokenMatches) {
  const std::string token = MakeAttemptToken();
  EXPECT_NE(token, MakeAttemptToken());
  EXPECT_TRUE(TokenMatches(token, Sha256Hex(token)));
  EXPECT_FALSE(TokenMatches("x" + token, Sha256Hex(token)));
  EXPECT_FALSE(TokenMatches(token, ""));
}

TEST(AttemptTokenTest, HashIsSha256) {
  // FIPS 180-2, the empty message.
  EXPECT_EQ(Sha256Hex(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(AttemptTokenTest, EqualMessagesHaveEqualHashes) {
  v1::JobSpec a, b;
  for (int i = 0; i < 20; ++i) {
    (*a.mutable_labels())[std::to_string(i)] = "x";
    (*b.mutable_labels())[std::to_string(19 - i)] = "x";
  }
  EXPECT_EQ(RequestBodyHash(a), RequestBodyHash(b));
  a.set_name("other");
  EXPECT_NE(RequestBodyHash(a), RequestBodyHash(b));
}

TEST(AttemptTokenTest, UidsAreVersion7AndOrderedByTime) {
  const std::string early = MakeUid(1);
  const std::string late = MakeUid(int64_t{1} << 40);
  EXPECT_LT(early, late);
  EXPECT_EQ(early.size(), 36u);
  EXPECT_EQ(early[14], '7');
  EXPECT_TRUE(absl::StrContains("89ab", early.substr(19, 1)));
}

TEST(JobPathsTest, FilesOfAJobAreBelowTheStateFolder) {
  EXPECT_EQ(RunFolder("/s", {3, 2}), "/s/jobs/3/attempt-2");
  EXPECT_EQ(DefaultOutputFolder("/s", 3), "/s/jobs/3/output");
}

TEST(JobMessageTest, TimesThatHaveNotComeStayUnset) {
  Job job;
  job.create_time = absl::FromUnixMillis(1500);
  job.version = 4;
  job.attempts.emplace_back();
  job.attempts[0].exit.signal = 9;
  const v1::Job message = ToMessage(job);
  EXPECT_EQ(message.create_time().seconds(), 1);
  EXPECT_EQ(message.create_time().nanos(), 500000000);
  EXPECT_FALSE(message.has_end_time());
  EXPECT_FALSE(message.attempts(0).has_end_time());
  EXPECT_FALSE(message.attempts(0).has_exit_code());
  EXPECT_EQ(message.attempts(0).exit_signal(), 9);
  EXPECT_EQ(message.etag(), "4");
}

}  // namespace
}  // namespace atelier::server
