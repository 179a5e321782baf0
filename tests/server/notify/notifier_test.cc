// Ends of jobs told by real commands, with a store that is opened again.
#include "server/notify/notifier.h"

#include "absl/strings/str_cat.h"

#include "tests/server/state_fixture.h"
#include "tests/support/await.h"

namespace atelier::server {
namespace {

using atelier::testing::AwaitText;
using atelier::testing::ReadText;
using atelier::testing::WriteText;

class NotifierTest : public testing::StateTest {
 protected:
  NotifierTest() {
    options_.command = {folder_.File("tell"), "word one", "$HOME"};
    options_.first_pause = absl::ZeroDuration();
    // What is told: one line each.
    Script(
        absl::StrCat("echo \"$ATELIER_JOB_ID $ATELIER_JOB_STATE "
                     "$ATELIER_JOB_OWNER $ATELIER_JOB_NAME|$1|$2\" >> ",
                     Told()));
  }
  ~NotifierTest() override { StopTelling(); }

  void Script(const std::string& body) {
    WriteText(folder_.File("tell"), "#!/bin/sh\n" + body + "\n", true);
  }
  std::string Told() const { return folder_.File("told"); }
  void StartTelling() {
    notifier_ = std::make_unique<Notifier>(options_, jobs(),
                                           state_->notifications(), clock_);
    state_->AddListener(notifier_.get());
    const absl::Status started = notifier_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  void StopTelling() {
    if (notifier_ == nullptr) return;
    state_->RemoveListener(notifier_.get());
    notifier_.reset();
  }
  JobId EndJob(v1::JobState state, const std::string& name = "job") {
    const AttemptId attempt = Start(Submit(testing::MakeNewJob(name)));
    EXPECT_TRUE(Finish(attempt, state).ok());
    return attempt.job;
  }
  size_t Waiting() {
    return state_->notifications().ReadDue(absl::InfiniteFuture())->due.size();
  }

  NotifierOptions options_;
  std::unique_ptr<Notifier> notifier_;
};

TEST_F(NotifierTest, EndsAreToldWithNamesAsDataOnly) {
  StartTelling();
  EndJob(v1::JOB_STATE_SUCCEEDED, "$(touch pwned); x");
  EXPECT_TRUE(AwaitText(Told(), "|word one|$HOME\n"));
  EXPECT_EQ(ReadText(Told()),
            "1 SUCCEEDED ana $(touch pwned); x|word one|$HOME\n");
  StopTelling();
  EXPECT_EQ(Waiting(), 0u);
}

TEST_F(NotifierTest, OnlyFailuresAreToldWhereAsked) {
  options_.only_failed = true;
  StartTelling();
  EndJob(v1::JOB_STATE_SUCCEEDED);
  EndJob(v1::JOB_STATE_FAILED);
  EXPECT_TRUE(AwaitText(Told(), "2 FAILED"));
  EXPECT_EQ(ReadText(Told()).find("SUCCEEDED"), std::string::npos);
}

TEST_F(NotifierTest, WhatFailsIsTriedAgainAndGivenUpInTheEnd) {
  options_.max_tries = 3;
  Script("echo try >> " + Told() + "; exit 1");
  StartTelling();
  EndJob(v1::JOB_STATE_FAILED);
  EXPECT_TRUE(AwaitText(Told(), "try\ntry\ntry\n"));
  StopTelling();
  EXPECT_EQ(ReadText(Told()), "try\ntry\ntry\n");
}

TEST_F(NotifierTest, ACommandThatHangsIsEnded) {
  options_.limit = absl::Milliseconds(200);
  options_.max_tries = 1;
  Script("echo begun >> " + Told() + "; exec sleep 1000");
  StartTelling();
  EndJob(v1::JOB_STATE_FAILED);
  EXPECT_TRUE(AwaitText(Told(), "begun"));
  StopTelling();
  EXPECT_EQ(Waiting(), 0u);
}

TEST_F(NotifierTest, WhatWasNotToldIsToldAfterARestart) {
  StartTelling();
  StopTelling();
  // Ends while nobody listens: as when the daemon dies before it could tell.
  EndJob(v1::JOB_STATE_FAILED);
  Reopen();
  EXPECT_EQ(Waiting(), 1u);
  StartTelling();
  EXPECT_TRUE(AwaitText(Told(), "1 FAILED ana job"));
  StopTelling();
  Reopen();
  StartTelling();
  EndJob(v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(AwaitText(Told(), "2 SUCCEEDED"));
  EXPECT_EQ(ReadText(Told()).find("1 FAILED"),
            ReadText(Told()).rfind("1 FAILED"));
}

TEST_F(NotifierTest, WithoutACommandNothingIsKept) {
  options_.command.clear();
  StartTelling();
  EndJob(v1::JOB_STATE_FAILED);
  EXPECT_EQ(Waiting(), 0u);
}

}  // namespace
}  // namespace atelier::server
