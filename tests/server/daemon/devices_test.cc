// GPUs from the driver's library to the worker, with the real daemon: handed
// out by UUID, left alone while others use them, left when they are sick.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/fake_gpus.h"

namespace atelier::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Somebody else's program.
class Outsider {
 public:
  Outsider() {
    const char* command[] = {"/bin/sleep", "1000", nullptr};
    posix_spawn(&pid_, command[0], nullptr, nullptr,
                const_cast<char**>(command), environ);
  }
  ~Outsider() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  pid_t pid_ = 0;
};

class DevicesTest : public DaemonFixture {
 protected:
  DevicesTest() : gpus_(File("machine.json")) {
    gpus_.Add("GPU-a", "NVIDIA GeForce RTX 3090", 24);
  }

  void Start(const std::string& lines = "") {
    gpus_.Write();
    Configure(absl::StrCat("[devices]\nnvml_library = \"", ATELIER_FAKE_NVML,
                           "\"\npoll_seconds = 0.1\n",
                           "nvml_timeout_seconds = 1\n",
                           "outside_clear_seconds = 0\n", lines));
    StartDaemon();
  }

  v1::JobSpec GpuSpec(Labels labels = {}) {
    v1::JobSpec spec = Spec(labels);
    spec.mutable_devices()->set_type(v1::DEVICE_TYPE_GPU);
    spec.set_max_attempts(1);
    return spec;
  }

  v1::DeviceInfo ReadDevice(const std::string& id) {
    const v1::ListDevicesResponse devices = ListDevices();
    for (const v1::DeviceInfo& device : devices.devices()) {
      if (device.id() == id) return device;
    }
    ADD_FAILURE() << "no device " << id;
    return {};
  }

  // Waits until the job is in its state for that reason; gives the sentence.
  std::string AwaitReason(int64_t id, v1::JobReason reason) {
    const auto events = Watch(id, 0, [reason](const v1::Event& event) {
      return event.has_state() && event.state().reason() == reason;
    });
    return events.empty() ? "" : events.back().state().message();
  }

  FakeGpus gpus_;
};

TEST_F(DevicesTest, WorkerSeesOnlyItsDeviceByUuid) {
  gpus_.Add("GPU-b", "NVIDIA A100-SXM4-80GB", 80);
  Start();
  v1::JobSpec spec = GpuSpec({{"devices", "1"}});
  spec.mutable_devices()->set_model("a100");
  spec.mutable_devices()->set_min_vram_bytes(int64_t{80} << 30);
  EXPECT_EQ(AwaitEnd(SubmitSpec(spec)).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(ReadText(File("devices.1")), "GPU-b\n");

  spec = Spec({{"devices", "1"}});
  spec.mutable_devices()->set_type(v1::DEVICE_TYPE_CPU);
  EXPECT_EQ(AwaitEnd(SubmitSpec(spec)).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(ReadText(File("devices.1")), "\n");
}

TEST_F(DevicesTest, JobThatNoDeviceCanMeetIsRefusedWithTheReason) {
  Start();
  v1::JobSpec spec = GpuSpec();
  spec.mutable_devices()->set_min_vram_bytes(int64_t{48} << 30);
  EXPECT_THAT(TrySubmit(spec).error_message(),
              HasSubstr("wants 1 GPU device with 48.0 GiB, and no device is "
                        "like that; this daemon has 1 x NVIDIA GeForce RTX "
                        "3090 (24.0 GiB)"));
  spec = GpuSpec();
  spec.mutable_devices()->set_host_memory_bytes(int64_t{1} << 50);
  EXPECT_THAT(TrySubmit(spec).error_message(), HasSubstr("of host memory"));
  spec = GpuSpec();
  spec.mutable_devices()->set_count(2);
  EXPECT_THAT(TrySubmit(spec).error_message(), HasSubstr("only 1 is"));
}

TEST_F(DevicesTest, GpuThatOthersUseIsLeftAloneAndTheQueueSaysWhy) {
  Outsider other;
  gpus_.gpu(0)["processes"] = {{{"pid", other.pid()}, {"bytes", 1 << 20}}};
  Start();
  const int64_t id = SubmitSpec(GpuSpec());
  EXPECT_THAT(
      AwaitReason(id, v1::JOB_REASON_GPU_IN_USE_OUTSIDE),
      HasSubstr(absl::StrCat("used from outside by sleep (pid ", other.pid())));
  EXPECT_EQ(ReadDevice("GPU-a").availability(),
            v1::DEVICE_AVAILABILITY_OUTSIDE);
  gpus_.gpu(0)["processes"] = nlohmann::json::array();
  gpus_.Write();
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(other.lives());
}

TEST_F(DevicesTest, ProcessesOfAJobAreKnownAsIts) {
  Start();
  const int64_t id =
      SubmitSpec(GpuSpec({{"steps", "3"}, {"pause", "2"}, {"child", "1"}}));
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  const pid_t child = std::stoi(ReadText(File("child")));
  gpus_.gpu(0)["processes"] = {{{"pid", WorkerPid(id)}, {"bytes", 5}},
                               {{"pid", child}, {"bytes", 5}}};
  // Seen together with what was written above.
  gpus_.Xid(0, 31);
  v1::DeviceInfo device = ReadDevice("GPU-a");
  while (device.faults().empty()) device = ReadDevice("GPU-a");
  EXPECT_EQ(device.availability(), v1::DEVICE_AVAILABILITY_LEASED);
  EXPECT_EQ(device.job_id(), id);
  ASSERT_THAT(device.processes(), SizeIs(2));
  EXPECT_EQ(device.processes(0).job_id(), id);
  EXPECT_EQ(device.processes(1).job_id(), id);
  EXPECT_EQ(device.outside_memory_bytes(), 0);
  WriteText(File("go"), "");
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(DevicesTest, JobOnASickGpuGoesOnOnAHealthyOneFromItsState) {
  gpus_.Add("GPU-b", "NVIDIA GeForce RTX 3090", 24);
  Start();
  const int64_t id =
      SubmitSpec(GpuSpec({{"steps", "4"}, {"pause", "3"}, {"devices", "1"}}));
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  gpus_.Xid(0, 79);
  ASSERT_TRUE(AwaitFile(File("paused.2")));
  EXPECT_TRUE(AwaitFile(File("saved.1")));
  EXPECT_EQ(ReadText(File("devices.1")), "GPU-a\n");
  EXPECT_EQ(ReadText(File("devices.2")), "GPU-b\n");
  WriteText(File("go"), "");
  const v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_THAT(job.attempts(0).message(), HasSubstr("fallen off the bus"));
  int steps = 0;
  for (const v1::Event& event : Watch(id)) steps += event.has_step_done();
  EXPECT_EQ(steps, 4);
  // It stays out of use over a restart, until somebody puts it back.
  KillDaemon();
  gpus_.machine().erase("xids");
  gpus_.Write();
  StartDaemon();
  EXPECT_EQ(ReadDevice("GPU-a").availability(),
            v1::DEVICE_AVAILABILITY_UNHEALTHY);
  EXPECT_TRUE(DrainDevice("GPU-a", false).ok());
  EXPECT_EQ(ReadDevice("GPU-a").availability(), v1::DEVICE_AVAILABILITY_FREE);
  EXPECT_TRUE(DrainDevice("GPU-b", true).ok());
  EXPECT_EQ(ReadDevice("GPU-b").availability(),
            v1::DEVICE_AVAILABILITY_DRAINED);
  EXPECT_EQ(DrainDevice("GPU-z", true).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(DevicesTest, DriverThatHangsHoldsNobodyUp) {
  Start();
  gpus_.machine()["hang"] = true;
  gpus_.Write();
  const int64_t waits = SubmitSpec(GpuSpec({{"steps", "3"}, {"pause", "9"}}));
  if (ReadJob(waits).state() != v1::JOB_STATE_PENDING) AwaitEnd(waits);
  v1::DeviceInfo device = ReadDevice("GPU-a");
  while (device.availability() != v1::DEVICE_AVAILABILITY_UNKNOWN)
    device = ReadDevice("GPU-a");
  EXPECT_THAT(device.message(), HasSubstr("has not answered for 1"));
  const int64_t id = SubmitSpec(GpuSpec());
  EXPECT_THAT(AwaitReason(id, v1::JOB_REASON_GPU_UNHEALTHY),
              HasSubstr("GPU-a: the GPU driver has not answered"));
  v1::JobSpec on_cpu = Spec({});
  on_cpu.mutable_devices()->set_type(v1::DEVICE_TYPE_CPU);
  EXPECT_EQ(AwaitEnd(SubmitSpec(on_cpu)).state(), v1::JOB_STATE_SUCCEEDED);
  gpus_.machine()["hang"] = false;
  gpus_.Write();
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(DevicesTest, DaemonStartsAndStopsWhileTheDriverHangs) {
  gpus_.machine()["hang"] = true;
  Start();
  EXPECT_THAT(ListDevices().message(), HasSubstr("has not answered"));
  EXPECT_EQ(StopDaemon(), 0);
}

TEST_F(DevicesTest, MachineWithoutADriverHasOnlyCpuSlots) {
  Configure("[devices]\nnvml_library = \"/nowhere/libnvidia-ml.so.1\"");
  StartDaemon();
  const v1::ListDevicesResponse listed = ListDevices();
  ASSERT_THAT(listed.devices(), SizeIs(1));
  EXPECT_EQ(listed.devices(0).id(), "cpu:0");
  EXPECT_THAT(listed.message(), HasSubstr("/nowhere/libnvidia-ml.so.1"));
  EXPECT_THAT(TrySubmit(GpuSpec()).error_message(),
              HasSubstr("this daemon has no GPU device"));
}

TEST_F(DevicesTest, PartsOfADividedGpuAreDevices) {
  gpus_.gpu(0)["parts"] = {{{"uuid", "MIG-1"},
                            {"name", "NVIDIA A100 MIG 3g.40gb"},
                            {"total", int64_t{40} << 30},
                            {"instance", 2}}};
  Start();
  const int64_t id = SubmitSpec(GpuSpec({{"devices", "1"}}));
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(ReadText(File("devices.1")), "MIG-1\n");
  EXPECT_EQ(ReadDevice("MIG-1").parent_id(), "GPU-a");
}

TEST_F(DevicesTest, JobWhoseTimeIsUpSavesItsStateAndFails) {
  Start();
  v1::JobSpec spec = GpuSpec({{"steps", "3"}, {"pause", "2"}});
  spec.mutable_time_limit()->set_nanos(300000000);
  const v1::Job job = AwaitEnd(SubmitSpec(spec));
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.reason(), v1::JOB_REASON_TIME_LIMIT);
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_TIMED_OUT);
  EXPECT_THAT(job.message(), HasSubstr("time limit of 300ms is over"));
  EXPECT_TRUE(AwaitFile(File("saved.1"), absl::ZeroDuration()));
}

TEST_F(DevicesTest, JobWhoseTimeIsUpMayGoOnAtItsNextTurn) {
  Start();
  v1::JobSpec spec = GpuSpec({{"steps", "3"}, {"pause", "2"}});
  spec.mutable_time_limit()->set_nanos(300000000);
  spec.set_on_time_limit(v1::TIME_LIMIT_ACTION_REQUEUE);
  const int64_t id = SubmitSpec(spec);
  ASSERT_TRUE(AwaitFile(File("paused.2")));
  WriteText(File("go"), "");
  const v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_GE(job.attempts_size(), 2);
}

}  // namespace
}  // namespace atelier::testing
