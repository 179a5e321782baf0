// The program itself, on files as they are pasted.
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "proto/cc/options_from_toml.h"
#include "tests/support/temp_dir.h"

namespace atelier::client {
namespace {

using ::testing::HasSubstr;

class ConvertProgramTest : public ::testing::Test {
 protected:
  // Runs `atelier ARGUMENTS` by a shell in the test's folder.
  int Run(const std::string& arguments) {
    const std::string command = "cd " + dir_.path() +
                                " && " ATELIER_PROGRAM " " + arguments +
                                " >out 2>err";
    return WEXITSTATUS(std::system(command.c_str()));
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(dir_.File(name));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.File(name)) << text;
  }

  testing::TempDir dir_;
};

constexpr char kCommand[] =
    "# my run\naccelerate launch --num_cpu_threads_per_process 1 \\\n"
    "  sdxl_train.py --pretrained_model_name_or_path=base.safetensors \\\n"
    "  --dataset_config='my data.toml' --xformers --seed 4 # end\n";

TEST_F(ConvertProgramTest, PrintsAJobFileOfAPastedFile) {
  Write("run.sh", kCommand);
  ASSERT_EQ(Run("convert --command-file run.sh"), 0) << Read("err");
  EXPECT_THAT(Read("err"), HasSubstr("ignored: --xformers: "));
  const auto spec = JobSpecFromToml(Read("out"), "out", "/");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->architecture(), v1::ARCHITECTURE_SDXL);
  EXPECT_EQ(spec->training().dataset().dataset_config(),
            dir_.File("my data.toml"));
  EXPECT_EQ(spec->training().run().seed(), 4);
}

TEST_F(ConvertProgramTest, ReadsStandardInputTextsAndWords) {
  Write("run.sh", kCommand);
  ASSERT_EQ(Run("convert --command-file - < run.sh"), 0) << Read("err");
  const std::string job = Read("out");
  ASSERT_EQ(Run("convert -- \"$(cat run.sh)\""), 0) << Read("err");
  EXPECT_EQ(Read("out"), job);
  ASSERT_EQ(
      Run("convert -- accelerate launch --num_cpu_threads_per_process 1 "
          "sdxl_train.py --pretrained_model_name_or_path=base.safetensors "
          "--dataset_config='my data.toml' --xformers --seed 4"),
      0)
      << Read("err");
  EXPECT_EQ(Read("out"), job);
}

TEST_F(ConvertProgramTest, JsonHasEverythingThatTheCommandGives) {
  ASSERT_EQ(Run("convert --json -- sdxl_train.py --seed 4 --xformers "
                "--dataset_config d --pretrained_model_name_or_path m"),
            0)
      << Read("err");
  const auto json = nlohmann::json::parse(Read("out"));
  EXPECT_EQ(json["script"], "sdxl_train.py");
  EXPECT_EQ(json["architecture"], "sdxl");
  EXPECT_EQ(json["options"]["seed"], 4);
  EXPECT_EQ(json["command"][0]["given"], "--seed");
  EXPECT_EQ(json["command"][0]["does"], "same");
  EXPECT_EQ(json["command"][1]["does"], "ignored");
  EXPECT_THAT(std::string(json["toml"]), HasSubstr("seed = 4"));
}

TEST_F(ConvertProgramTest, WhatIsRefusedIsAUsageError) {
  EXPECT_EQ(Run("convert -- sdxl_train.py --deepspeed --dataset_config d "
                "--pretrained_model_name_or_path m"),
            2);
  EXPECT_EQ(Read("out"), "");
  EXPECT_THAT(Read("err"), HasSubstr("error: refused: --deepspeed: "));
  EXPECT_EQ(Run("convert -- sdxl_train_network.py"), 2);
  EXPECT_THAT(Read("err"), HasSubstr("trains a LoRA"));
  EXPECT_EQ(Run("convert"), 2);
  EXPECT_THAT(Read("err"), HasSubstr("no command is given"));
  EXPECT_EQ(Run("convert --command-file none"), 2);
  EXPECT_EQ(Run("convert -- sdxl_train.py --seed 1"), 2);
  EXPECT_THAT(Read("err"), HasSubstr("must be given"));
}

TEST_F(ConvertProgramTest, HelpSaysWhereTheCommandStands) {
  EXPECT_EQ(Run("help convert"), 0);
  EXPECT_THAT(Read("out"), HasSubstr("atelier convert [flags] [-- COMMAND]"));
}

TEST_F(ConvertProgramTest, HostileFilesAreErrors) {
  Write("long.sh", std::string(10 << 20, 'x'));
  EXPECT_EQ(Run("convert --command-file long.sh"), 2);
  Write("nul.sh", std::string("sdxl_train.py \0 --seed", 22));
  EXPECT_EQ(Run("convert --command-file nul.sh"), 2);
  EXPECT_THAT(Read("err"), HasSubstr("NUL"));
  Write("quote.sh", "sdxl_train.py --output_name 'a");
  EXPECT_EQ(Run("convert --command-file quote.sh"), 2);
  EXPECT_THAT(Read("err"), HasSubstr("no second one"));
}

}  // namespace
}  // namespace atelier::client
