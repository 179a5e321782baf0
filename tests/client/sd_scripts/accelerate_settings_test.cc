#include "gmock/gmock.h"

#include "tests/client/sd_scripts/sd_scripts_fixture.h"

namespace atelier::client::sd_scripts {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LaunchTest : public SdScriptsTest {
 protected:
  absl::StatusOr<Conversion> Launched(const std::string& front) {
    return Options(front + " sdxl_train.py", "--seed 7");
  }
  void ExpectStarts(const std::string& front) {
    const auto conversion = Launched(front);
    ASSERT_TRUE(conversion.ok()) << front << ": " << conversion.status();
    EXPECT_EQ(conversion->spec.architecture(), v1::ARCHITECTURE_SDXL) << front;
    EXPECT_EQ(ValueOf(conversion, "seed"), "7") << front;
    EXPECT_TRUE(Refusals(*conversion).empty()) << front;
  }
};

TEST_F(LaunchTest, EveryWayOfStartingAScriptIsRead) {
  for (const char* front :
       {"", "python", "python3.10 -u", "/venv/bin/python -X faulthandler",
        "accelerate launch", "/venv/bin/accelerate launch",
        "python -m accelerate.commands.launch",
        "python -m accelerate.commands.accelerate_cli launch",
        "CUDA_VISIBLE_DEVICES=0 nohup accelerate launch",
        "uv run accelerate launch --num_processes=1 --num_machines 1",
        "accelerate launch --num-cpu-threads-per-process 8 --quiet",
        "accelerate launch --gpu_ids=0 --main_process_port 0 --dynamo_backend "
        "no"}) {
    ExpectStarts(front);
  }
  EXPECT_EQ(ValueOf(Text("python -m sdxl_train --seed 3"), "seed"), "3");
  EXPECT_EQ(ValueOf(Text("C:\\venv\\python.exe D:\\sd\\sdxl_train.py --seed=3"),
                    "seed"),
            "3");
}

TEST_F(LaunchTest, OneProcessTrainsWhateverIsAsked) {
  for (const char* front :
       {"accelerate launch --num_processes 2", "accelerate launch --multi_gpu",
        "accelerate launch --num_machines=2", "accelerate launch --gpu_ids 0,1",
        "accelerate launch --use_deepspeed", "accelerate launch --use_fsdp"}) {
    const auto conversion = Launched(front);
    ASSERT_TRUE(conversion.ok()) << conversion.status();
    ASSERT_EQ(Refusals(*conversion).size(), 1u) << front;
    EXPECT_THAT(Refusals(*conversion)[0].message, HasSubstr("leave it out"));
  }
}

TEST_F(LaunchTest, PrecisionOfTheLauncherLosesAsInTheScript) {
  const auto conversion = Launched("accelerate launch --mixed_precision bf16");
  EXPECT_EQ(ValueOf(conversion, "mixed_precision"), "");
  EXPECT_THAT(FateOf(conversion, "accelerate --mixed_precision"),
              HasSubstr("wins"));
}

TEST_F(LaunchTest, CpuOfTheLauncherIsTheJobsDevice) {
  EXPECT_EQ(ValueOf(Launched("accelerate launch --cpu"), "device"), "cpu");
  EXPECT_EQ(ValueOf(Launched("accelerate launch"), "device"), "");
}

TEST_F(LaunchTest, ConfigurationOfTheLauncherIsLookedAt) {
  files_["/train/a.yaml"] = "distributed_type: 'NO'\nuse_cpu: true\n";
  files_["/train/b.yaml"] = "distributed_type: MULTI_GPU\nnum_processes: 4\n";
  files_["/train/c.yaml"] = "distributed_type: DEEPSPEED\nnum_processes: 1\n";
  const std::string front = "accelerate launch --config_file ";
  EXPECT_EQ(ValueOf(Launched(front + "a.yaml"), "device"), "cpu");
  for (const char* file : {"b.yaml", "c.yaml"}) {
    EXPECT_THAT(FateOf(Launched(front + file), "accelerate --config_file"),
                StartsWith("refused"));
  }
  EXPECT_THAT(FateOf(Launched(front + "no.yaml"), "accelerate --config_file"),
              StartsWith("ignored: it was not read"));
}

TEST_F(LaunchTest, EnvironmentOfTheCommandIsIgnoredAloud) {
  const auto conversion = Launched("CUDA_VISIBLE_DEVICES=1 python");
  EXPECT_EQ(FateOf(conversion, "CUDA_VISIBLE_DEVICES"),
            "ignored: the daemon leases the devices");
}

TEST_F(LaunchTest, WhatStartsNothingIsAnError) {
  const auto failure = [&](const std::string& text) {
    return std::string(Text(text).status().message());
  };
  EXPECT_THAT(failure(""), HasSubstr("no command"));
  EXPECT_THAT(failure("accelerate config"), HasSubstr("accelerate launch"));
  EXPECT_THAT(failure("accelerate launch --quiet"), HasSubstr("no script"));
  EXPECT_THAT(failure("accelerate launch --num_proceses 1 sdxl_train.py"),
              HasSubstr("did you mean --num_processes"));
  EXPECT_THAT(failure("accelerate launch --num_processes"),
              HasSubstr("needs a value"));
  EXPECT_THAT(failure("torchrun sdxl_train.py"),
              HasSubstr("several processes"));
  EXPECT_THAT(failure("python -c pass"), HasSubstr("not a script"));
  EXPECT_THAT(failure("make all"), HasSubstr("starts no training script"));
}

TEST_F(LaunchTest, ScriptsOfAnotherPurposeAreRefusedBySentence) {
  const auto failure = [&](const std::string& script) {
    return std::string(Text("python " + script).status().message());
  };
  for (const char* script :
       {"train_network.py", "sdxl_train_network.py", "flux_train_network.py"}) {
    EXPECT_THAT(failure(script), HasSubstr("trains a LoRA"));
  }
  EXPECT_THAT(failure("train_textual_inversion.py"), HasSubstr("embedding"));
  EXPECT_THAT(failure("sdxl_train_control_net.py"), HasSubstr("ControlNet"));
  EXPECT_THAT(failure("anima_train.py"), HasSubstr("Anima"));
  EXPECT_THAT(failure("sdlx_train.py"),
              HasSubstr("did you mean sdxl_train.py?"));
}

TEST_F(LaunchTest, OfATextTheTrainingCommandIsFound) {
  const auto conversion = Text(
      "#!/bin/bash\nset -e\ncd run1\nsource venv/bin/activate\npip install x\n"
      "MODEL=base.safetensors\naccelerate launch sdxl_train.py \\\n"
      "  --pretrained_model_name_or_path=\"$MODEL\" --seed 9 | tee log\n");
  EXPECT_EQ(ValueOf(conversion, "pretrained_model_name_or_path"),
            "/train/run1/base.safetensors");
  EXPECT_THAT(FateOf(conversion, "`pip install x`"), StartsWith("ignored"));
  EXPECT_THAT(
      Text("sdxl_train.py --seed 1\nsd3_train.py --seed 2").status().message(),
      HasSubstr("2 commands that train, in lines 1 and 2"));
}

}  // namespace
}  // namespace atelier::client::sd_scripts
