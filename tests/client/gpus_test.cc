// gpus, top, and what submit says of devices.
#include "gmock/gmock.h"

#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class GpusTest : public ClientTest {
 protected:
  GpusTest() {
    v1::DeviceInfo& slot = *daemon_.devices.add_devices();
    slot.set_id("cpu:0");
    slot.set_index(-1);
    slot.set_availability(v1::DEVICE_AVAILABILITY_FREE);
    v1::DeviceInfo& gpu = *daemon_.devices.add_devices();
    gpu.set_id("GPU-a");
    gpu.set_model("NVIDIA A100\x1b[2J");
    gpu.set_availability(v1::DEVICE_AVAILABILITY_OUTSIDE);
    gpu.set_message("used from outside by python (pid 7, user bob)");
    gpu.set_memory_total_bytes(int64_t{80} << 30);
    gpu.set_memory_used_bytes(int64_t{3} << 30);
    gpu.set_temperature_celsius(41.4);
    gpu.set_utilization(0.07);
    gpu.set_power_watts(71.5);
    gpu.set_power_limit_watts(400);
    gpu.add_faults()->set_xid(31);
  }
};

TEST_F(GpusTest, EachDeviceIsARowAndItsTroubleASentence) {
  EXPECT_EQ(Run({"gpus"}), 0);
  for (const char* text :
       {"cpu:0", "GPU-a", "outside", "3.0 GiB of 80.0 GiB", "7%", "41 C",
        "72 of 400 W", "NVIDIA A100\\x1b[2J",
        "GPU-a: used from outside by python (pid 7, user bob)", "XID 31"})
    EXPECT_THAT(Out(), HasSubstr(text));
}

TEST_F(GpusTest, JsonHasEverything) {
  EXPECT_EQ(Run({"gpus", "--json"}), 0);
  const auto device = JsonLines()[0]["devices"][1];
  EXPECT_EQ(device["id"], "GPU-a");
  EXPECT_EQ(device["availability"], "OUTSIDE");
}

TEST_F(GpusTest, OperatorsTakeADeviceOutOfUse) {
  EXPECT_EQ(Run({"gpus", "--drain", "GPU-a", "--message", "new fan"}), 0);
  ASSERT_THAT(daemon_.drains, SizeIs(1));
  EXPECT_EQ(daemon_.drains[0].id(), "GPU-a");
  EXPECT_EQ(daemon_.drains[0].message(), "new fan");
  EXPECT_TRUE(daemon_.drains[0].drained());
  EXPECT_EQ(Run({"gpus", "--undrain", "GPU-a"}), 0);
  EXPECT_FALSE(daemon_.drains[1].drained());
  EXPECT_EQ(Run({"gpus", "--undrain", "a", "--drain", "b"}), 2);
}

TEST_F(GpusTest, TopIsPlainAndOnceWithoutATerminal) {
  v1::Job& job = AddJob(3, v1::JOB_STATE_RUNNING);
  job.mutable_progress()->set_step(5);
  job.mutable_progress()->set_total_steps(20);
  EXPECT_EQ(Run({"top"}), 0);
  EXPECT_THAT(Out(), HasSubstr("GPU-a"));
  EXPECT_THAT(Out(), HasSubstr("5/20"));
  EXPECT_THAT(Out(), Not(HasSubstr("\x1b[H")));
  EXPECT_THAT(waits_, SizeIs(0));
}

TEST_F(GpusTest, TopRedrawsOnATerminal) {
  terminal_.is_terminal = true;
  EXPECT_EQ(Run({"top", "--count", "3", "--interval", "0.5"}), 0);
  EXPECT_THAT(Out(), HasSubstr("\x1b[H\x1b[J"));
  EXPECT_THAT(waits_, SizeIs(2));
  EXPECT_EQ(waits_[0], absl::Seconds(0.5));
  EXPECT_EQ(Run({"top", "--interval", "0"}), 2);
}

TEST_F(GpusTest, SubmitAsksForDevices) {
  EXPECT_EQ(Run({"submit",
                 "sd1",
                 "--pretrained_model_name_or_path",
                 "m",
                 "--train_data_dir",
                 "d",
                 "--resolution",
                 "64",
                 "--devices",
                 "gpu:2",
                 "--min-vram",
                 "24G",
                 "--gpu-model",
                 "a100",
                 "--host-memory",
                 "32G",
                 "--time-limit",
                 "1d",
                 "--on-time-limit",
                 "requeue"}),
            0)
      << Err();
  ASSERT_THAT(daemon_.submissions, SizeIs(1));
  const v1::JobSpec& spec = daemon_.submissions[0].spec();
  EXPECT_EQ(spec.devices().type(), v1::DEVICE_TYPE_GPU);
  EXPECT_EQ(spec.devices().count(), 2);
  EXPECT_EQ(spec.devices().min_vram_bytes(), int64_t{24} << 30);
  EXPECT_EQ(spec.devices().model(), "a100");
  EXPECT_EQ(spec.devices().host_memory_bytes(), int64_t{32} << 30);
  EXPECT_EQ(spec.time_limit().seconds(), 86400);
  EXPECT_EQ(spec.on_time_limit(), v1::TIME_LIMIT_ACTION_REQUEUE);
  EXPECT_EQ(Run({"submit", "sd1", "--min-vram", "24"}), 2);
  EXPECT_THAT(Err(), HasSubstr("--min-vram: min_vram is \"24\""));
}

}  // namespace
}  // namespace atelier::client
