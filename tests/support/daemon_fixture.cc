#include "tests/support/daemon_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

#include "server/run/process_tree.h"
#include "tests/support/await.h"

namespace atelier::testing {
namespace {

std::unique_ptr<grpc::ClientContext> Deadline() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  return context;
}

std::shared_ptr<grpc::Channel> FreshChannel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(
      "unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

DaemonFixture::DaemonFixture() {
  std::filesystem::create_directories(dir());
  std::filesystem::create_directories(folder_.File("images/1_cat"));
  WriteText(folder_.File("images/1_cat/cat.png"), "fake");
  WriteText(folder_.File("model.safetensors"), "fake");
  config_ = absl::StrCat(
      "state_dir = \"", state_dir(), "\"\n", "trainer_path = \"",
      ATELIER_FAKE_TRAINER, "\"\n", "shim_path = \"", ATELIER_SHIM, "\"\n",
      "metrics_listen = \"127.0.0.1:0\"\n", "backoff_initial_seconds = 0\n",
      "min_free_bytes = 0\nlog_level = \"debug\"\n", "log_file = \"",
      folder_.File("daemon.log"), "\"\n");
}

DaemonFixture::~DaemonFixture() {
  if (HasFailure()) {
    printf("%s", ReadText(folder_.File("daemon.log")).c_str());
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(state_dir()))
      if (entry.path().filename() == "worker.log")
        printf("%s:\n%s", entry.path().c_str(), ReadText(entry.path()).c_str());
  }
  if (daemon_ != 0) KillDaemon();
  std::error_code none;
  for (const auto& job :
       std::filesystem::directory_iterator(state_dir() + "/jobs", none))
    for (const auto& attempt : std::filesystem::directory_iterator(job))
      server::KillProcessTree(attempt.path());
}

void DaemonFixture::StartDaemon() {
  const std::string config = folder_.File("atelierd.toml");
  const std::string ready = folder_.File("ready");
  WriteText(config, config_);
  std::filesystem::remove(ready);
  const char* argv[] = {ATELIERD, "--config", config.c_str(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, ready.c_str(),
                                   O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(posix_spawn(&daemon_, ATELIERD, &files, nullptr,
                        const_cast<char**>(argv), environ),
            0);
  posix_spawn_file_actions_destroy(&files);
  ASSERT_TRUE(AwaitText(ready, "\n")) << ReadText(folder_.File("daemon.log"));
  Connect();
}

void DaemonFixture::Connect() {
  auto channel = FreshChannel(state_dir() + "/atelier.sock");
  jobs_ = v1::JobService::NewStub(channel);
  schedule_ = v1::ScheduleService::NewStub(channel);
  server_ = v1::ServerService::NewStub(channel);
  devices_ = v1::DeviceService::NewStub(channel);
  workers_ =
      v1::WorkerService::NewStub(FreshChannel(state_dir() + "/worker.sock"));
}

void DaemonFixture::KillDaemon() {
  kill(daemon_, SIGKILL);
  waitpid(std::exchange(daemon_, 0), nullptr, 0);
}

int DaemonFixture::StopDaemon() {
  kill(daemon_, SIGTERM);
  int status = 0;
  EXPECT_TRUE(AwaitProcessEnd(daemon_));
  waitpid(std::exchange(daemon_, 0), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

v1::JobSpec DaemonFixture::Spec(const Labels& labels) const {
  v1::JobSpec spec;
  spec.set_architecture(v1::ARCHITECTURE_SD1);
  spec.mutable_labels()->insert(labels.begin(), labels.end());
  (*spec.mutable_labels())["dir"] = dir();
  v1::TrainingConfig& training = *spec.mutable_training();
  training.mutable_model()->set_pretrained_model_name_or_path(
      folder_.File("model.safetensors"));
  training.mutable_dataset()->set_train_data_dir(folder_.File("images"));
  training.mutable_dataset()->set_resolution("64");
  return spec;
}

int64_t DaemonFixture::Submit(const Labels& labels, int max_attempts) {
  v1::SubmitJobRequest request;
  *request.mutable_spec() = Spec(labels);
  request.mutable_spec()->set_max_attempts(max_attempts);
  v1::SubmitJobResponse response;
  grpc::Status status = jobs_->SubmitJob(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.job().id();
}

int64_t DaemonFixture::SubmitSpec(const v1::JobSpec& spec) {
  v1::SubmitJobRequest request;
  *request.mutable_spec() = spec;
  v1::SubmitJobResponse response;
  grpc::Status status = jobs_->SubmitJob(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.job().id();
}

grpc::Status DaemonFixture::TrySubmit(const v1::JobSpec& spec) {
  v1::SubmitJobRequest request;
  *request.mutable_spec() = spec;
  v1::SubmitJobResponse response;
  return jobs_->SubmitJob(Deadline().get(), request, &response);
}

v1::ListDevicesResponse DaemonFixture::ListDevices() {
  v1::ListDevicesResponse response;
  grpc::Status status = devices_->ListDevices(Deadline().get(), {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

grpc::Status DaemonFixture::DrainDevice(const std::string& id, bool drained) {
  v1::DrainDeviceRequest request;
  request.set_id(id);
  request.set_drained(drained);
  v1::DrainDeviceResponse response;
  return devices_->DrainDevice(Deadline().get(), request, &response);
}

v1::Job DaemonFixture::ReadJob(int64_t id) {
  v1::GetJobRequest request;
  request.set_id(id);
  v1::GetJobResponse response;
  grpc::Status status = jobs_->GetJob(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.job();
}

std::vector<v1::Event> DaemonFixture::Watch(int64_t id, int64_t after,
                                            const Until& until) {
  v1::WatchJobRequest request;
  request.set_id(id);
  request.set_after_sequence(after);
  auto context = Deadline();
  auto stream = jobs_->WatchJob(context.get(), request);
  std::vector<v1::Event> events;
  v1::WatchJobResponse response;
  bool is_met = false;
  while (!is_met && stream->Read(&response)) {
    if (!response.has_event()) continue;
    events.push_back(response.event());
    is_met = until != nullptr && until(response.event());
  }
  if (is_met) context->TryCancel();
  grpc::Status status = stream->Finish();
  EXPECT_TRUE(is_met || status.ok()) << status.error_message();
  return events;
}

v1::Job DaemonFixture::AwaitEnd(int64_t id) {
  Watch(id);
  return ReadJob(id);
}

void DaemonFixture::AwaitState(int64_t id, v1::JobState state) {
  Watch(id, 0, [state](const v1::Event& event) {
    return event.state().state() == state;
  });
}

grpc::Status DaemonFixture::Cancel(int64_t id) {
  v1::CancelJobRequest request;
  request.set_id(id);
  v1::CancelJobResponse response;
  return jobs_->CancelJob(Deadline().get(), request, &response);
}

std::string DaemonFixture::RunDir(int64_t id, int attempt) const {
  return absl::StrCat(state_dir(), "/jobs/", id, "/attempt-", attempt);
}

pid_t DaemonFixture::ShimPid(int64_t id, int attempt) {
  EXPECT_TRUE(AwaitFile(RunDir(id, attempt) + "/shim.json"));
  return nlohmann::json::parse(ReadText(RunDir(id, attempt) + "/shim.json"))
      .at("pid");
}

pid_t DaemonFixture::WorkerPid(int64_t id, int attempt) {
  EXPECT_TRUE(AwaitFile(RunDir(id, attempt) + "/worker.json"));
  return nlohmann::json::parse(ReadText(RunDir(id, attempt) + "/worker.json"))
      .at("pid");
}

}  // namespace atelier::testing
