#include "proto/cc/options_from_toml.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/proto/violations.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

v1::JobSpec Read(absl::string_view text) {
  const auto spec = JobSpecFromToml(text, "job.toml", "/data/cats");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.value_or(v1::JobSpec());
}

std::vector<std::string> Problems(absl::string_view text) {
  const auto spec = JobSpecFromToml(text, "job.toml", "/");
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
  return Messages(ViolationsOf(spec.status()));
}

TEST(OptionsFromTomlTest, KeysStandOnTopOrInAnyTable) {
  const v1::JobSpec spec = Read(R"(
seed = 7
[whatever]
learning_rate = 1e-4
optimizer_args = ["weight_decay=0.1", "eps=1e-8"]
cache_latents = true
[more]
resolution = 512
)");
  EXPECT_EQ(spec.training().run().seed(), 7);
  EXPECT_EQ(spec.training().optimizer().learning_rate(), 1e-4);
  EXPECT_THAT(spec.training().optimizer().optimizer_args(), SizeIs(2));
  EXPECT_TRUE(spec.training().dataset().cache_latents());
  EXPECT_EQ(spec.training().dataset().resolution(), "512");
}

TEST(OptionsFromTomlTest, JobTableFillsTheSpec) {
  const v1::JobSpec spec = Read(R"(
[job]
name = "first try"
architecture = "sd1"
max_attempts = 3
stop_grace_seconds = 1.5
labels = { project = "cats", n = 3 }
devices = { type = "cpu", count = 2 }
)");
  EXPECT_EQ(spec.name(), "first try");
  EXPECT_EQ(spec.architecture(), v1::ARCHITECTURE_SD1);
  EXPECT_EQ(spec.max_attempts(), 3);
  EXPECT_EQ(spec.stop_grace().seconds(), 1);
  EXPECT_EQ(spec.stop_grace().nanos(), 500000000);
  EXPECT_EQ(spec.labels().at("n"), "3");
  EXPECT_EQ(spec.devices().type(), v1::DEVICE_TYPE_CPU);
  EXPECT_EQ(spec.devices().count(), 2);
}

TEST(OptionsFromTomlTest, ResourcesAreReadWithTheirUnits) {
  const v1::JobSpec spec = Read(R"(
[job]
devices = { type = "gpu", count = 2, min_vram = "24G", model = "a100" }
host_memory = "1.5G"
time_limit = "1h30m"
on_time_limit = "requeue"
)");
  EXPECT_EQ(spec.devices().count(), 2);
  EXPECT_EQ(spec.devices().min_vram_bytes(), int64_t{24} << 30);
  EXPECT_EQ(spec.devices().model(), "a100");
  EXPECT_EQ(spec.devices().host_memory_bytes(), int64_t{3} << 29);
  EXPECT_EQ(spec.time_limit().seconds(), 5400);
  EXPECT_EQ(spec.on_time_limit(), v1::TIME_LIMIT_ACTION_REQUEUE);
  // As the flags have it.
  const v1::JobSpec flat =
      Read("[job]\ndevices = \"gpu:2\"\nmin_vram = \"8GiB\"\n");
  EXPECT_EQ(flat.devices().type(), v1::DEVICE_TYPE_GPU);
  EXPECT_EQ(flat.devices().count(), 2);
  EXPECT_EQ(flat.devices().min_vram_bytes(), int64_t{8} << 30);
}

TEST(OptionsFromTomlTest, JobKeysMayStandOnTop) {
  EXPECT_EQ(Read("architecture = \"sd1\"").architecture(),
            v1::ARCHITECTURE_SD1);
}

TEST(OptionsFromTomlTest, PathsCountFromTheFilesFolder) {
  const v1::JobSpec spec = Read(R"(
vae = "../vae.safetensors"
output_dir = "/out"
)");
  EXPECT_EQ(spec.training().model().vae(), "/data/vae.safetensors");
  EXPECT_EQ(spec.training().output().output_dir(), "/out");
}

TEST(OptionsFromTomlTest, TwoIntegersAreASize) {
  EXPECT_EQ(Read("resolution = [512, 768]").training().dataset().resolution(),
            "512,768");
}

TEST(OptionsFromTomlTest, EveryProblemHasFileLineAndColumn) {
  EXPECT_THAT(
      Problems("seed = 1\n"
               "learnig_rate = 1e-4\n"
               "[a]\n"
               "  mixed_precision = \"bf17\"\n"
               "train_batch_size = \"four\"\n"
               "cache_latents = 1979-05-27\n"),
      ::testing::UnorderedElementsAre(
          "job.toml:2:1: unknown option learnig_rate; did you mean "
          "learning_rate?",
          "job.toml:4:21: mixed_precision is \"bf17\"; must be one of no, "
          "fp16, bf16; did you mean bf16?",
          "job.toml:5:20: train_batch_size is \"four\"; must be an integer",
          "job.toml:6:17: cache_latents is of TOML type date; must be true or "
          "false"));
}

TEST(OptionsFromTomlTest, BrokenTomlIsReportedWithItsPlace) {
  const auto problems = Problems("seed = 1\nvae = \"open\n");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0], HasSubstr("job.toml:2:"));
}

TEST(OptionsFromTomlTest, OptionInTwoTablesIsRefused) {
  EXPECT_THAT(Problems("seed = 1\n[a]\nseed = 2\n"),
              ElementsAre(HasSubstr("seed is given twice")));
}

TEST(OptionsFromTomlTest, OptionInTheJobTableIsSentOutside) {
  EXPECT_THAT(Problems("[job]\nseed = 1\n"),
              ElementsAre("job.toml:2:1: unknown key seed in [job]; options "
                          "stand outside of it"));
  EXPECT_THAT(Problems("[job]\nnmae = \"x\"\n"),
              ElementsAre(HasSubstr("did you mean name?")));
}

TEST(OptionsFromTomlTest, TableInATableIsRefused) {
  EXPECT_THAT(Problems("[a.b]\nseed = 1\n"),
              ElementsAre(HasSubstr("table b stands inside another table")));
}

TEST(OptionsFromTomlTest, JobKeysAreTypeChecked) {
  EXPECT_THAT(Problems("[job]\nname = 1\narchitecture = \"sd9\"\n"
                       "max_attempts = -1\nlabels = 3\n"
                       "devices = { type = \"tpu\", count = 0, x = 1 }\n"
                       "stop_grace_seconds = \"1s\"\n"),
              SizeIs(8));
}

}  // namespace
}  // namespace atelier
