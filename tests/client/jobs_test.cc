// list, show, cancel, server, version, options, completion, help.
#include "gmock/gmock.h"

#include "proto/cc/options_from_toml.h"
#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class JobsTest : public ClientTest {};

TEST_F(JobsTest, ListGoesOverThePagesUpToItsLimit) {
  for (int64_t id = 1; id <= 5; ++id) AddJob(id, v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Run({"list", "--limit", "3", "--json"}), 0);
  ASSERT_THAT(JsonLines(), SizeIs(3));
  EXPECT_EQ(JsonLines()[0]["id"], 5);
  EXPECT_EQ(JsonLines()[2]["id"], 3);
  EXPECT_EQ(daemon_.lists[0].page_size(), daemon_.lists[1].page_size());
}

TEST_F(JobsTest, ListFiltersByState) {
  EXPECT_EQ(Run({"list", "--state", "running", "--filter", "name : \"a\""}), 0);
  EXPECT_EQ(daemon_.lists[0].filter(), "name : \"a\" AND state = RUNNING");
  EXPECT_EQ(Run({"list", "--state", "runing"}), 2);
  EXPECT_THAT(Err(), HasSubstr("did you mean RUNNING?"));
}

TEST_F(JobsTest, NamesCannotMoveTheCursor) {
  AddJob(1, v1::JOB_STATE_RUNNING)
      .mutable_spec()
      ->set_name(
          "\x1b[2J\xc2\x9b"
          "1");
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_THAT(Out(), HasSubstr("\\x1b[2J\\x9b1"));
}

TEST_F(JobsTest, ColourIsForTerminalsThatHaveIt) {
  AddJob(1, v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_THAT(Out(), Not(HasSubstr("\x1b")));
  terminal_.has_color = true;
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_THAT(Out(), HasSubstr("\x1b[36mRUNNING\x1b[0m"));
}

TEST_F(JobsTest, ShowPrintsOptionsAttemptsAndLastWords) {
  v1::Job& job = AddJob(1, v1::JOB_STATE_FAILED);
  job.set_reason(v1::JOB_REASON_SIGNAL);
  job.mutable_spec()->mutable_training()->mutable_run()->set_seed(42);
  v1::Attempt& attempt = *job.add_attempts();
  attempt.set_number(1);
  attempt.set_exit_signal(9);
  attempt.set_last_log("out of\nluck");
  EXPECT_EQ(Run({"show", "1"}), 0);
  EXPECT_THAT(Out(), HasSubstr("FAILED (SIGNAL)"));
  EXPECT_THAT(Out(), HasSubstr("signal 9"));
  EXPECT_THAT(Out(), HasSubstr("out of\nluck"));
  EXPECT_THAT(Out(), HasSubstr("seed    42"));
}

TEST_F(JobsTest, ShowAndWhySayWhatAJobWaitsFor) {
  AddJob(1, v1::JOB_STATE_PENDING);
  daemon_.why.add_causes("2 jobs come before it");
  daemon_.why.add_blocking_jobs(9);
  for (const char* command : {"show", "why"}) {
    EXPECT_EQ(Run({command, "1"}), 0) << Err();
    EXPECT_THAT(Out(), HasSubstr("2 jobs come before it")) << command;
    EXPECT_THAT(Out(), HasSubstr("job 9")) << command;
  }
}

TEST_F(JobsTest, WorstImagesComeFromTheNewestLedger) {
  AddJob(1, v1::JOB_STATE_RUNNING, 2);
  auto& events = daemon_.events[1];
  const auto add = [&](int64_t step, const std::string& path) {
    events.emplace_back().set_step(step);
    events.back().set_sequence(static_cast<int64_t>(events.size()));
    v1::LossLedgerEvent& ledger = *events.back().mutable_loss_ledger();
    ledger.set_images(7);
    for (const char* place : {"1", "2", "3"}) {
      v1::LossLedgerEvent::Image& image = *ledger.add_worst();
      image.set_path(path + place);
      image.set_caption("a cat\x1b[2J");
      image.set_ratio(1.75);
    }
  };
  add(10, "/old");
  add(20, "/new");
  EXPECT_EQ(Run({"show", "1", "--worst-images", "2"}), 0);
  EXPECT_THAT(Out(), HasSubstr("after step 20, of 7 images"));
  EXPECT_THAT(Out(), HasSubstr("1.75"));
  EXPECT_THAT(Out(), HasSubstr("/new2"));
  EXPECT_THAT(Out(), HasSubstr("a cat\\x1b[2J"));
  EXPECT_THAT(Out(), Not(HasSubstr("/new3")));
  EXPECT_THAT(Out(), Not(HasSubstr("/old")));
  EXPECT_EQ(Run({"show", "1", "--worst-images", "--json"}), 0);
  ASSERT_THAT(JsonLines(), SizeIs(3));
  EXPECT_EQ(JsonLines()[0]["path"], "/new1");
  EXPECT_EQ(Run({"show", "1", "--worst-images", "0"}), 2);
}

TEST_F(JobsTest, AJobWithoutALedgerSaysWhenItComes) {
  AddJob(1, v1::JOB_STATE_RUNNING, 2);
  EXPECT_EQ(Run({"show", "1", "--worst-images"}), 0);
  EXPECT_THAT(Out(), HasSubstr("at the end of each epoch"));
}

TEST_F(JobsTest, ShownJobFileReadsBack) {
  v1::Job& job = AddJob(1, v1::JOB_STATE_SUCCEEDED);
  job.mutable_spec()->mutable_training()->mutable_run()->set_seed(42);
  EXPECT_EQ(Run({"show", "1", "--toml"}), 0);
  const auto spec = JobSpecFromToml(Out(), "shown.toml", "/");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->SerializeAsString(), job.spec().SerializeAsString());
}

TEST_F(JobsTest, CancelSaysTheNewState) {
  AddJob(1, v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Run({"cancel", "1"}), 0);
  EXPECT_EQ(Out(), "job 1 STOPPING\n");
}

TEST_F(JobsTest, CancellingAnEndedJobIsExitSix) {
  AddJob(1, v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Run({"cancel", "1", "--json"}), 6);
  EXPECT_EQ(nlohmann::json::parse(Err())["error"]["reason"], "JOB_ENDED");
}

TEST_F(JobsTest, ServerIsDescribed) {
  EXPECT_EQ(Run({"server"}), 0);
  EXPECT_THAT(Out(), HasSubstr("9.9.9"));
  EXPECT_THAT(Out(), HasSubstr("device cpu:0"));
  EXPECT_EQ(Run({"server", "--json"}), 0);
  EXPECT_EQ(JsonLines()[0]["version"], "9.9.9");
  EXPECT_EQ(JsonLines()[0]["worker"]["architectures"][0], "sd1");
}

TEST_F(JobsTest, VersionNeedsNoDaemon) {
  daemon_.Stop();
  EXPECT_EQ(Run({"version"}), 0);
  EXPECT_THAT(Out(), HasSubstr("atelier "));
  EXPECT_EQ(Run({"--version"}), 0);
}

TEST_F(JobsTest, OptionsAreExplainedInThreeForms) {
  EXPECT_EQ(Run({"options", "sd1"}), 0);
  EXPECT_THAT(Out(), HasSubstr("--min_snr_gamma"));
  EXPECT_EQ(Run({"options", "--markdown"}), 0);
  EXPECT_THAT(Out(), HasSubstr("| `seed` |"));
  EXPECT_EQ(Run({"options", "--json"}), 0);
  EXPECT_EQ(JsonLines()[0]["name"], "pretrained_model_name_or_path");
}

TEST_F(JobsTest, CompletionKnowsCommandsAndOptions) {
  EXPECT_EQ(Run({"completion", "bash"}), 0);
  EXPECT_THAT(Out(), HasSubstr("submit convert list show"));
  EXPECT_THAT(Out(), HasSubstr("--learning_rate"));
  EXPECT_EQ(Run({"completion", "powershell"}), 2);
}

TEST_F(JobsTest, HelpIsThereForEveryCommand) {
  EXPECT_EQ(Run({}), 0);
  const std::string overview = Out();
  for (const Command& command : AllCommands()) {
    EXPECT_THAT(overview, HasSubstr("  " + command.name + " "));
    EXPECT_EQ(Run({"help", command.name}), 0);
    const std::string help = Out();
    EXPECT_EQ(Run({command.name, "--help"}), 0);
    EXPECT_EQ(Out(), help);
  }
}

TEST_F(JobsTest, UnknownCommandsFlagsAndIdsAreUsageErrors) {
  EXPECT_EQ(Run({"sbmit"}), 2);
  EXPECT_THAT(Err(), HasSubstr("did you mean submit?"));
  EXPECT_EQ(Run({"list", "--lmit", "3"}), 2);
  EXPECT_THAT(Err(), HasSubstr("did you mean --limit?"));
  EXPECT_EQ(Run({"show"}), 2);
  EXPECT_EQ(Run({"show", "1", "2"}), 2);
  EXPECT_EQ(Run({"show", "x"}), 2);
  EXPECT_EQ(Run({"show", "0"}), 2);
  EXPECT_EQ(Run({"list", "--limit"}), 2);
  EXPECT_EQ(Run({"list", "--json=yes"}), 2);
}

}  // namespace
}  // namespace atelier::client
