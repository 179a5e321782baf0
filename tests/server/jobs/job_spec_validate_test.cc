#include "server/jobs/job_spec_validate.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/error_details.h"
#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using ::testing::Contains;
using ::testing::Field;

class ResolveJobSpecTest : public ::testing::Test {
 protected:
  ResolveJobSpecTest() {
    atelier::testing::WriteText(folder_.File("model.safetensors"), "x");
    atelier::testing::WriteText(folder_.File("picture.jpg"), "x");
    atelier::testing::WriteText(folder_.File("data.toml"),
                                "[[datasets]]\nresolution = 64\n"
                                "[[datasets.subsets]]\nimage_dir = \".\"\n");
    spec_.set_architecture(v1::ARCHITECTURE_SD1);
    auto* training = spec_.mutable_training();
    training->mutable_model()->set_pretrained_model_name_or_path(
        folder_.File("model.safetensors"));
    training->mutable_dataset()->set_dataset_config(folder_.File("data.toml"));
  }

  absl::StatusOr<ResolvedSpec> Resolve() {
    return ResolveJobSpec(spec_, limits_, [] { return 42; });
  }
  void ExpectViolation(const std::string& field) {
    const auto resolved = Resolve();
    EXPECT_EQ(resolved.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(ViolationsOf(resolved.status()),
                Contains(Field(&Violation::field, field)));
  }

  atelier::testing::TempDir folder_;
  SpecLimits limits_;
  v1::JobSpec spec_;
};

TEST_F(ResolveJobSpecTest, DefaultsAreFilledInAndASeedIsDrawn) {
  const auto resolved = Resolve();
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const v1::JobSpec& spec = resolved->spec;
  EXPECT_EQ(spec.training().run().seed(), 42);
  EXPECT_EQ(spec.training().run().max_train_steps(), 1600);
  EXPECT_EQ(spec.devices().type(), v1::DEVICE_TYPE_CPU);
  EXPECT_EQ(spec.devices().count(), 1);
  EXPECT_EQ(spec.name(), "sd1");
}

TEST_F(ResolveJobSpecTest, GivenValuesStay) {
  spec_.set_name("mine");
  spec_.mutable_training()->mutable_run()->set_seed(7);
  const auto resolved = Resolve();
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->spec.name(), "mine");
  EXPECT_EQ(resolved->spec.training().run().seed(), 7);
}

TEST_F(ResolveJobSpecTest, MissingFilesAreNamed) {
  spec_.mutable_training()->mutable_model()->set_pretrained_model_name_or_path(
      folder_.File("none.safetensors"));
  ExpectViolation("training.model.pretrained_model_name_or_path");
}

TEST_F(ResolveJobSpecTest, MoreDevicesThanThereAreIsRefused) {
  spec_.mutable_devices()->set_count(2);
  ExpectViolation("devices");
}

TEST_F(ResolveJobSpecTest, GpuJobsNeedAGpu) {
  spec_.mutable_training()->mutable_run()->set_device("cuda");
  ExpectViolation("devices");
}

TEST_F(ResolveJobSpecTest, FillingCachesLeavesTheGpuToThoseThatTrain) {
  limits_.gpu_devices = 1;
  spec_.mutable_training()->mutable_dataset()->set_cache_latents_to_disk(true);
  EXPECT_EQ(Resolve()->spec.devices().type(), v1::DEVICE_TYPE_GPU);
  v1::RunOptions& run = *spec_.mutable_training()->mutable_run();
  run.set_warm_cache(true);
  EXPECT_EQ(Resolve()->spec.devices().type(), v1::DEVICE_TYPE_CPU);
  run.set_device("cuda");
  EXPECT_EQ(Resolve()->spec.devices().type(), v1::DEVICE_TYPE_GPU);
}

TEST_F(ResolveJobSpecTest, ValuesOutOfRangeAreNamed) {
  spec_.mutable_training()->mutable_optimizer()->set_learning_rate(-1);
  ExpectViolation("training.optimizer.learning_rate");
}

TEST_F(ResolveJobSpecTest, ManyAttemptsAreRefused) {
  spec_.set_max_attempts(1000);
  ExpectViolation("max_attempts");
}

}  // namespace
}  // namespace atelier::server
