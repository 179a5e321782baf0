#include "proto/cc/job_file.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

#include "proto/cc/options_from_toml.h"
#include "proto/cc/options_schema.h"
#include "tests/support/temp_dir.h"

namespace atelier {
namespace {

using ::testing::HasSubstr;

// Another value than the default for every option.
v1::JobSpec SpecWithEverythingSet() {
  v1::JobSpec spec;
  for (const Option& option : AllOptions()) {
    const bool is_text =
        option.field->type() == google::protobuf::FieldDescriptor::TYPE_STRING;
    const bool is_path = option.info.path() != v1::PATH_KIND_UNSPECIFIED;
    std::string value = option.is_flag() ? "true" : "1";
    // Where 1 is just outside the range, what is within it.
    if (option.info.max_exclusive() && option.info.max() == 1) value = "0.5";
    if (option.info.min_exclusive() && option.info.min() == 1) value = "1.5";
    if (is_text) value = is_path ? "/a \"b\"" : "tab\t \"quote\" \\ é \x01";
    if (option.info.choices_size() > 0) value = *option.info.choices().rbegin();
    EXPECT_TRUE(SetOptionFromText(option, value, spec.mutable_training()).ok())
        << option.name;
  }
  return spec;
}

TEST(JobFileTest, WhatIsWrittenReadsBackEqual) {
  v1::JobSpec spec = SpecWithEverythingSet();
  spec.set_name("a \"name\"");
  spec.set_architecture(v1::ARCHITECTURE_SD1);
  spec.set_max_attempts(2);
  spec.mutable_stop_grace()->set_seconds(3);
  spec.mutable_stop_grace()->set_nanos(250000000);
  (*spec.mutable_labels())["a key"] = "a\nvalue";
  spec.mutable_devices()->set_type(v1::DEVICE_TYPE_GPU);
  spec.mutable_devices()->set_count(4);
  spec.mutable_devices()->set_min_vram_bytes(int64_t{24} << 30);
  spec.mutable_devices()->set_host_memory_bytes(1000001);
  spec.mutable_devices()->set_model("A100 80GB");
  spec.mutable_time_limit()->set_seconds(86400);
  spec.mutable_time_limit()->set_nanos(500000000);
  spec.set_on_time_limit(v1::TIME_LIMIT_ACTION_REQUEUE);
  spec.mutable_training()->mutable_optimizer()->set_learning_rate(0.1 + 0.2);
  const std::string text = JobSpecToToml(spec);
  const auto back = JobSpecFromToml(text, "job.toml", "/");
  ASSERT_TRUE(back.ok()) << back.status() << "\n" << text;
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(spec, *back)) << difference;
}

TEST(JobFileTest, EmptySpecIsAnEmptyFile) {
  EXPECT_EQ(JobSpecToToml(v1::JobSpec()), "");
}

TEST(JobFileTest, RelativePathsCountFromTheFile) {
  const testing::TempDir dir;
  const std::string path = std::string(dir.path()) + "/job.toml";
  std::ofstream(path) << "vae = \"vae.safetensors\"\n";
  const auto spec = ReadJobFile(path);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->training().model().vae(),
            std::string(dir.path()) + "/vae.safetensors");
}

TEST(JobFileTest, FileThatCannotBeReadIsNamed) {
  const testing::TempDir dir;
  const std::string missing = std::string(dir.path()) + "/none.toml";
  EXPECT_EQ(ReadJobFile(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ReadJobFile(missing).status().message()),
              HasSubstr(missing));
  EXPECT_THAT(std::string(ReadJobFile(dir.path()).status().message()),
              HasSubstr("is a folder"));
}

TEST(JobFileTest, HugeFileIsRefused) {
  const testing::TempDir dir;
  const std::string path = std::string(dir.path()) + "/huge.toml";
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  EXPECT_THAT(std::string(ReadJobFile(path).status().message()),
              HasSubstr("larger than 1 MiB"));
}

}  // namespace
}  // namespace atelier
