#include "gmock/gmock.h"

#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class WatchTest : public ClientTest {
 protected:
  std::vector<int64_t> Sequences() {
    std::vector<int64_t> sequences;
    for (const auto& json : JsonLines()) sequences.push_back(json["sequence"]);
    return sequences;
  }
};

TEST_F(WatchTest, EveryEventIsALineInAPipe) {
  AddJob(3, v1::JOB_STATE_SUCCEEDED, 2);
  EXPECT_EQ(Run({"watch", "3"}), 0);
  EXPECT_THAT(Out(), HasSubstr("step 1/2"));
  EXPECT_THAT(Out(), HasSubstr("step 2/2"));
  EXPECT_THAT(Out(), HasSubstr("job 3 SUCCEEDED\n"));
  EXPECT_EQ(Out().find('\x1b'), std::string::npos);
}

TEST_F(WatchTest, BrokenLineIsTakenUpWithEveryEventOnce) {
  AddJob(3, v1::JOB_STATE_SUCCEEDED, 6);
  daemon_.breaks = {2, 0, 3};
  EXPECT_EQ(Run({"watch", "3", "--json"}), 0);
  EXPECT_THAT(Sequences(), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(daemon_.watched_after, ElementsAre(0, 2, 2, 4));
  EXPECT_THAT(Err(), StartsWith("connection lost; reconnecting…\n"));
}

TEST_F(WatchTest, DaemonThatGoesAwayAndComesBackIsAwaited) {
  AddJob(3, v1::JOB_STATE_SUCCEEDED, 6);
  daemon_.breaks = {3};
  on_wait_ = [this] {
    if (waits_.size() == 1) daemon_.Stop();
    if (waits_.size() == 8) daemon_.Start();
  };
  EXPECT_EQ(Run({"watch", "3", "--json"}), 0);
  EXPECT_THAT(Sequences(), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_GE(waits_.size(), 8u);
  EXPECT_EQ(Err(), "connection lost; reconnecting…\n");
}

TEST_F(WatchTest, DaemonThatStaysAwayIsGivenUp) {
  AddJob(3, v1::JOB_STATE_SUCCEEDED, 6);
  daemon_.breaks = {3};
  on_wait_ = [this] {
    if (waits_.size() == 1) daemon_.Stop();
  };
  EXPECT_EQ(Run({"watch", "3"}), 5);
  absl::Duration waited;
  for (const absl::Duration wait : waits_) waited += wait;
  EXPECT_GT(waited, absl::Minutes(10));
}

TEST_F(WatchTest, LineThatBreaksWithoutAReasonIsTakenUp) {
  AddJob(3, v1::JOB_STATE_SUCCEEDED, 1);
  daemon_.stream_end =
      grpc::Status(grpc::StatusCode::UNKNOWN, "Stream removed");
  EXPECT_EQ(Run({"watch", "3", "--json"}), 0);
  EXPECT_THAT(Sequences(), ElementsAre(1, 2));
  EXPECT_THAT(daemon_.watched_after, ElementsAre(0, 2));
}

TEST_F(WatchTest, SeenEventsCanBeLeftOut) {
  AddJob(3, v1::JOB_STATE_SUCCEEDED, 4);
  EXPECT_EQ(Run({"watch", "3", "--after", "3", "--json"}), 0);
  EXPECT_THAT(Sequences(), ElementsAre(4, 5));
}

TEST_F(WatchTest, OutcomeIsTheExitStatus) {
  AddJob(1, v1::JOB_STATE_FAILED).set_reason(v1::JOB_REASON_WORKER_LOST);
  AddJob(2, v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Run({"watch", "1"}), 13);
  EXPECT_THAT(Out(), HasSubstr("job 1 FAILED (WORKER_LOST)"));
  EXPECT_EQ(Run({"watch", "2"}), 11);
}

TEST_F(WatchTest, UnknownJobIsExitThree) {
  EXPECT_EQ(Run({"watch", "9"}), 3);
  EXPECT_EQ(Err(), "error: job does not exist\n");
  EXPECT_THAT(waits_, IsEmpty());
}

TEST_F(WatchTest, TerminalHasABarBelowTheLinesOfNote) {
  terminal_.is_terminal = true;
  AddJob(3, v1::JOB_STATE_SUCCEEDED, 2);
  daemon_.events[3].front().mutable_warning()->set_message("a\x1b[2Jb");
  EXPECT_EQ(Run({"watch", "3"}), 0);
  EXPECT_THAT(Out(), HasSubstr("\r\x1b[K"));
  EXPECT_THAT(Out(), HasSubstr("warning: a\\x1b[2Jb"));
  EXPECT_THAT(Out(), HasSubstr("100%  2/2"));
  EXPECT_THAT(Out(), HasSubstr("ETA"));
}

TEST_F(WatchTest, WaitTakesTheFirstThatDidNotSucceed) {
  AddJob(1, v1::JOB_STATE_SUCCEEDED);
  AddJob(2, v1::JOB_STATE_CANCELLED);
  AddJob(3, v1::JOB_STATE_FAILED);
  EXPECT_EQ(Run({"wait", "1"}), 0);
  EXPECT_EQ(Run({"wait", "1", "2", "3", "--json"}), 11);
  ASSERT_THAT(JsonLines(), SizeIs(3));
  EXPECT_EQ(JsonLines()[1]["state"], "CANCELLED");
  EXPECT_EQ(JsonLines()[2]["exit_code"], 10);
}

TEST_F(WatchTest, WaitGivesUpAtItsTimeout) {
  AddJob(1, v1::JOB_STATE_RUNNING);
  daemon_.stays_open = true;
  EXPECT_EQ(Run({"wait", "1", "--timeout", "0.1"}), 8);
  EXPECT_EQ(Err(), "job 1 still goes on\n");
}

}  // namespace
}  // namespace atelier::client
