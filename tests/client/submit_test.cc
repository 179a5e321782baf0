#include <fstream>
#include <set>

#include "gmock/gmock.h"

#include "proto/cc/options_schema.h"
#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SubmitTest : public ClientTest {
 protected:
  int Submit(std::vector<std::string> more) {
    std::vector<std::string> tokens = {"submit",
                                       "sd1",
                                       "--pretrained_model_name_or_path",
                                       "m.safetensors",
                                       "--dataset_config",
                                       "/data/d.toml"};
    tokens.insert(tokens.end(), more.begin(), more.end());
    return Run(tokens);
  }
  const v1::JobSpec& Submitted() { return daemon_.submissions.back().spec(); }
  void WriteFile(const std::string& name, const std::string& text) {
    std::ofstream(dir_.File(name)) << text;
  }
};

TEST_F(SubmitTest, OptionsBecomeAJobWithAbsolutePaths) {
  EXPECT_EQ(Submit({"--optimizer_args", "eps=1e-8", "weight_decay=0", "--name",
                    "cats", "--label", "a=b=c", "--max-attempts", "3",
                    "--learning-rate=1e-4"}),
            0);
  EXPECT_EQ(Out(), "job 7 submitted: cats\n");
  EXPECT_EQ(Submitted().architecture(), v1::ARCHITECTURE_SD1);
  EXPECT_EQ(Submitted().name(), "cats");
  EXPECT_EQ(Submitted().labels().at("a"), "b=c");
  EXPECT_EQ(Submitted().max_attempts(), 3);
  EXPECT_EQ(Submitted().training().model().pretrained_model_name_or_path(),
            dir_.File("m.safetensors"));
  EXPECT_THAT(Submitted().training().optimizer().optimizer_args(), SizeIs(2));
}

TEST_F(SubmitTest, EachJobOfASweepHasItsValuesAndAFolderOfItsOwn) {
  EXPECT_EQ(Submit({"--output_dir", "/out", "--name", "cats", "--sweep",
                    "learning_rate=1e-5,5e-6", "--sweep", "seed=1,2",
                    "--sweep-running", "2"}),
            0)
      << Err();
  std::set<std::string> folders;
  std::set<std::string> requests;
  std::set<std::string> sweeps;
  for (const v1::SubmitJobRequest& request : daemon_.submissions) {
    if (request.validate_only()) continue;
    const v1::JobSpec& spec = request.spec();
    folders.insert(spec.training().output().output_dir());
    requests.insert(request.request_id());
    sweeps.insert(spec.sweep());
    EXPECT_EQ(spec.sweep_running(), 2);
  }
  EXPECT_THAT(folders, ElementsAre("/out/learning_rate=1e-5/seed=1",
                                   "/out/learning_rate=1e-5/seed=2",
                                   "/out/learning_rate=5e-6/seed=1",
                                   "/out/learning_rate=5e-6/seed=2"));
  EXPECT_THAT(requests, SizeIs(4));
  EXPECT_THAT(sweeps, SizeIs(1));
  EXPECT_EQ(Submitted().name(), "cats learning_rate=5e-6 seed=2");
  EXPECT_EQ(Submitted().labels().at("seed"), "2");
  EXPECT_EQ(Submitted().training().run().seed(), 2);
}

TEST_F(SubmitTest, NothingOfASweepIsQueuedWhereAValueIsRefused) {
  daemon_.refused_seed = 2;
  EXPECT_NE(Submit({"--sweep", "seed=1,2"}), 0);
  for (const v1::SubmitJobRequest& request : daemon_.submissions) {
    EXPECT_TRUE(request.validate_only());
  }
}

TEST_F(SubmitTest, FlagsWinOverTheJobFile) {
  WriteFile("job.toml",
            "architecture = \"sd1\"\nseed = 1\nmax_train_steps = 5\n"
            "pretrained_model_name_or_path = \"x\"\ndataset_config = \"y\"\n");
  EXPECT_EQ(Run({"submit", "--config", "job.toml", "--seed", "2"}), 0);
  EXPECT_EQ(Submitted().training().run().seed(), 2);
  EXPECT_EQ(Submitted().training().run().max_train_steps(), 5);
  EXPECT_EQ(Submitted().training().dataset().dataset_config(), dir_.File("y"));
}

TEST_F(SubmitTest, EveryProblemIsNamedAndNothingIsSent) {
  EXPECT_EQ(Submit({"--learnig_rate", "1", "--mixed_precision", "bf17"}), 2);
  EXPECT_EQ(Err(),
            "error: unknown option learnig_rate; did you mean "
            "learning_rate?\nerror: mixed_precision is \"bf17\"; must be one "
            "of no, fp16, bf16; did you mean bf16?\n");
  EXPECT_THAT(daemon_.submissions, IsEmpty());
}

TEST_F(SubmitTest, RulesBetweenOptionsAreCheckedBeforeSending) {
  EXPECT_EQ(Submit({"--cache_latents", "--color_aug"}), 2);
  EXPECT_THAT(Err(), HasSubstr("color_aug cannot be used"));
  EXPECT_THAT(daemon_.submissions, IsEmpty());
}

TEST_F(SubmitTest, ErrorsAreJsonWhereAskedFor) {
  EXPECT_EQ(Submit({"--seed", "x", "--json"}), 2);
  const auto error = nlohmann::json::parse(Err())["error"];
  EXPECT_EQ(error["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(error["reason"], "INVALID_OPTIONS");
  EXPECT_EQ(error["exit_code"], 2);
  EXPECT_EQ(error["violations"][0]["field"], "training.run.seed");
}

TEST_F(SubmitTest, RetriesKeepTheirRequestId) {
  daemon_.refusals = 2;
  EXPECT_EQ(Submit({}), 0);
  ASSERT_THAT(daemon_.submissions, SizeIs(3));
  EXPECT_THAT(daemon_.submissions[0].request_id(), SizeIs(36));
  EXPECT_EQ(daemon_.submissions[0].request_id(),
            daemon_.submissions[2].request_id());
  EXPECT_THAT(waits_,
              ElementsAre(absl::Milliseconds(200), absl::Milliseconds(400)));
}

TEST_F(SubmitTest, GivenRequestIdIsUsed) {
  EXPECT_EQ(Submit({"--request-id", "abc"}), 0);
  EXPECT_EQ(daemon_.submissions[0].request_id(), "abc");
}

TEST_F(SubmitTest, UnreachableDaemonIsExitFive) {
  daemon_.Stop();
  EXPECT_EQ(Submit({}), 5);
  EXPECT_THAT(Err(), HasSubstr("cannot reach atelierd at unix:"));
  EXPECT_THAT(waits_, SizeIs(3));
}

TEST_F(SubmitTest, DryRunSubmitsNothing) {
  daemon_.warnings = {"huber_c has no effect"};
  EXPECT_EQ(Submit({"--dry-run", "--watch"}), 0);
  EXPECT_TRUE(daemon_.submissions[0].validate_only());
  EXPECT_EQ(Out(), "the job is valid; nothing was submitted\n");
  EXPECT_EQ(Err(), "warning: huber_c has no effect\n");
}

TEST_F(SubmitTest, JsonHasJobRequestIdAndWarnings) {
  EXPECT_EQ(Submit({"--json", "--seed", "3"}), 0);
  const auto json = JsonLines()[0];
  EXPECT_EQ(json["job"]["id"], 7);
  EXPECT_EQ(json["job"]["state"], "PENDING");
  EXPECT_EQ(json["job"]["spec"]["architecture"], "sd1");
  EXPECT_EQ(json["job"]["spec"]["training"]["seed"], 3);
  EXPECT_TRUE(json["warnings"].empty());
}

TEST_F(SubmitTest, WatchingEndsWithTheOutcome) {
  AddJob(7, v1::JOB_STATE_FAILED, 2);
  EXPECT_EQ(Submit({"--watch"}), 10);
  EXPECT_THAT(Out(), HasSubstr("step 2/2"));
}

TEST_F(SubmitTest, ArchitectureMustBeKnownAndTheFilesOwn) {
  EXPECT_EQ(Run({"submit"}), 2);
  EXPECT_THAT(Err(), HasSubstr("which architecture?"));
  EXPECT_EQ(Run({"submit", "sd7"}), 2);
  EXPECT_THAT(Err(), HasSubstr("must be one of sd1"));
  WriteFile("job.toml", "architecture = \"flux\"\n");
  EXPECT_EQ(Run({"submit", "sd1", "--config", "job.toml"}), 2);
  EXPECT_THAT(Err(), HasSubstr("another architecture"));
}

TEST_F(SubmitTest, JobFileThatIsNotThereIsAUsageError) {
  EXPECT_EQ(Run({"submit", "sd1", "--config", "none.toml"}), 2);
  EXPECT_THAT(Err(), HasSubstr("none.toml does not exist"));
}

TEST_F(SubmitTest, OwnFlagsAreNoOptionsNames) {
  for (const Command& command : AllCommands()) {
    if (!command.signature.takes_options) continue;
    for (const Flag& flag : command.signature.flags) {
      EXPECT_EQ(FindOption(flag.name), nullptr) << flag.name;
    }
  }
}

}  // namespace
}  // namespace atelier::client
