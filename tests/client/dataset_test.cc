#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"

#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

using ::testing::HasSubstr;

constexpr char kReport[] =
    R"({"architecture":"sdxl","train_images":5,"regularization_images":2,)"
    R"("train_samples":10,"regularization_samples":10,"held_out":1,)"
    R"("subsets":[{"dataset":0,"source":"/data/cats","class_tokens":"cat",)"
    R"("is_regularization":false,"images":5,"held_out":1,"repeats":2,)"
    R"("samples":10,"own_captions":4,"with_alpha":0,"with_mask":3}],)"
    R"("buckets":[{"dataset":0,"width":512,"height":768,"images":5,)"
    R"("samples":10,"batch_size":4,"batches":3,"last_batch":2,)"
    R"("aspect_error":0.01,"cropped":0.05,"enlarged":1}],)"
    R"("mean_aspect_error":0.01,"captions":{"captions":5,"empty":1,)"
    R"("distinct":4,"shortest":0,"longest":40,"mean":12.5,"distinct_tags":3,)"
    R"("tags":[{"tag":"red","images":3}],"repeated":[]},)"
    R"("tokens":[{"tokenizer":"clip","limit":75,"mean":20,"longest":90,)"
    R"("over_limit":2,"captions":[{"image":"/data/cats/a.png","tokens":90,)"
    R"("caption":"long"}]}],"steps":{"samples_per_epoch":20,)"
    R"("batches_per_epoch":6,"gradient_accumulation_steps":2,)"
    R"("steps_per_epoch":3,"total_epochs":10,"total_steps":30},)"
    R"("broken":[BROKEN],"decoded":5,"duplicates":[["/a.png","/b.png"]],)"
    R"("near_duplicates":[],"pictures":[],"warnings":["mind this"],)"
    R"("scan_seconds":0.1})";

class DatasetTest : public ClientTest {
 protected:
  DatasetTest() {
    Write("data.toml", "");
    SetWorker("cat report");
    SetReport("");
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.File(name)) << text;
  }

  // A worker program that notes its arguments and does this.
  void SetWorker(const std::string& script) {
    Write("worker",
          "#!/bin/sh\nprintf '%s\\n' \"$@\" > arguments\n" + script + "\n");
    std::filesystem::permissions(dir_.File("worker"),
                                 std::filesystem::perms::owner_all);
    env_["ATELIER_TRAINER"] = dir_.File("worker");
  }

  void SetReport(const std::string& broken) {
    std::string report = kReport;
    report.replace(report.find("BROKEN"), 6, broken);
    Write("report", report);
  }

  std::string ArgumentsOfWorker() {
    std::ifstream file(dir_.File("arguments"));
    return {std::istreambuf_iterator<char>(file),
            std::istreambuf_iterator<char>()};
  }
};

TEST_F(DatasetTest, TheWorkerIsAskedAndItsReportShown) {
  EXPECT_EQ(Run({"dataset", "check", "data.toml", "--architecture", "sdxl",
                 "--out", "pictures", "--quick", "--resolution", "512"}),
            0);
  EXPECT_EQ(ArgumentsOfWorker(),
            "dataset-check\n--architecture\nsdxl\n--out\n" +
                dir_.File("pictures") + "\n--quick\n--dataset_config\n" +
                dir_.File("data.toml") + "\n--resolution\n512\n");
  for (const char* part :
       {"5 training images", "512x768", "2 of 4", "3 steps an epoch",
        "30 steps, 10 epochs", "red", "the end of 2 is cut off", "90",
        "/data/cats/a.png", "= /b.png", "mind this", "##########"}) {
    EXPECT_THAT(Out(), HasSubstr(part));
  }
}

TEST_F(DatasetTest, JsonIsTheWorkersReport) {
  EXPECT_EQ(Run({"dataset", "check", "data.toml", "--architecture", "sdxl",
                 "--json"}),
            0);
  ASSERT_EQ(JsonLines().size(), 1u);
  EXPECT_EQ(JsonLines()[0]["steps"]["total_steps"], 30);
}

TEST_F(DatasetTest, BrokenFilesAreAnExitStatusOfTheirOwn) {
  SetReport(R"({"image":"/a.png","problem":"/a.png: is truncated"})");
  EXPECT_EQ(Run({"dataset", "check", "data.toml", "--architecture", "sdxl"}),
            1);
  EXPECT_THAT(Out(), HasSubstr("/a.png: is truncated"));
}

TEST_F(DatasetTest, AnErrorOfTheWorkerIsTheClients) {
  Write("report",
        R"({"error":{"code":"INVALID_ARGUMENT","message":"data.toml:3: no",)"
        R"("violations":[]}})");
  SetWorker("cat report; exit 64");
  EXPECT_EQ(Run({"dataset", "check", "data.toml", "--architecture", "sdxl"}),
            2);
  EXPECT_THAT(Err(), HasSubstr("data.toml:3: no"));
}

TEST_F(DatasetTest, AWorkerThatDiesIsReported) {
  SetWorker("kill -9 $$");
  EXPECT_EQ(Run({"dataset", "check", "data.toml", "--architecture", "sdxl"}),
            1);
  EXPECT_THAT(Err(), HasSubstr("ended with exit status 137"));
}

TEST_F(DatasetTest, WrongUseIsExplained) {
  EXPECT_EQ(Run({"dataset", "check", "data.toml"}), 2);
  EXPECT_THAT(Err(), HasSubstr("--architecture"));
  EXPECT_EQ(Run({"dataset", "chek", "data.toml"}), 2);
  EXPECT_THAT(Err(), HasSubstr("check"));
  EXPECT_EQ(Run({"dataset", "check", "none.toml", "--architecture", "sdxl"}),
            2);
  EXPECT_THAT(Err(), HasSubstr("on the machine of the daemon"));
  EXPECT_EQ(Run({"dataset", "check", "data.toml", "--architecture", "sdxl",
                 "--resolutio", "512"}),
            2);
  EXPECT_THAT(Err(), HasSubstr("resolution"));
  env_["ATELIER_TRAINER"] = dir_.File("data.toml");
  EXPECT_EQ(Run({"dataset", "check", "data.toml", "--architecture", "sdxl"}),
            6);
  EXPECT_THAT(Err(), HasSubstr("which is no program"));
}

}  // namespace
}  // namespace atelier::client
