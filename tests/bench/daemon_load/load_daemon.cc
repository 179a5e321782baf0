#include "tests/bench/daemon_load/load_daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/run/process_tree.h"
#include "tests/bench/daemon_load/figures.h"
#include "tests/support/await.h"

namespace atelier::bench {
namespace {

namespace fs = std::filesystem;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// A port that was free a moment ago.
int FreePort() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    Fail("no free port on the loopback interface");
  close(listener);
  return ntohs(address.sin_port);
}

// A number of /proc/PID/status in kB.
double StatusMib(pid_t pid, const std::string& name) {
  std::istringstream status(
      testing::ReadText(absl::StrCat("/proc/", pid, "/status")));
  for (std::string line; std::getline(status, line);)
    if (line.compare(0, name.size(), name) == 0)
      return atof(line.c_str() + name.size()) / 1024;
  return 0;
}

}  // namespace

void Fail(const std::string& message) {
  fprintf(stderr, "daemon_load: %s\n", message.c_str());
  exit(1);
}

LoadDaemon::LoadDaemon(std::string folder, std::string programs, int slots)
    : folder_(std::move(folder)),
      programs_(std::move(programs)),
      port_(FreePort()) {
  fs::create_directories(folder_ + "/images/1_cat");
  testing::WriteText(folder_ + "/images/1_cat/cat.png", "fake");
  testing::WriteText(folder_ + "/model.safetensors", "fake");
  testing::WriteText(
      folder_ + "/atelierd.toml",
      absl::StrCat("state_dir = \"", folder_, "/state\"\ntrainer_path = \"",
                   fs::read_symlink("/proc/self/exe").string(),
                   "\"\nshim_path = \"", programs_,
                   "/atelier-shim\"\nmetrics_listen = \"127.0.0.1:", port_,
                   "\"\ncpu_slots = ", slots, "\nlog_file = \"", folder_,
                   "/daemon.log\"\n"));
}

LoadDaemon::~LoadDaemon() {
  if (pid_ != 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code none;
  for (const auto& job : fs::directory_iterator(folder_ + "/state/jobs", none))
    for (const auto& attempt : fs::directory_iterator(job, none))
      server::KillProcessTree(attempt.path());
}

double LoadDaemon::Start() {
  const std::string daemon = programs_ + "/atelierd";
  const std::string config = folder_ + "/atelierd.toml";
  const char* argv[] = {daemon.c_str(), "--config", config.c_str(), nullptr};
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) Fail("no pipe");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ready[1], STDOUT_FILENO);
  const Watch watch;
  if (posix_spawn(&pid_, daemon.c_str(), &files, nullptr,
                  const_cast<char**>(argv), environ) != 0)
    Fail(daemon + " cannot be started");
  posix_spawn_file_actions_destroy(&files);
  close(ready[1]);
  char letter = 0;
  if (read(ready[0], &letter, 1) != 1)
    Fail("the daemon did not start:\n" +
         testing::ReadText(folder_ + "/daemon.log"));
  const double seconds = watch.Seconds();
  close(ready[0]);
  return seconds;
}

void LoadDaemon::Stop() {
  kill(pid_, SIGTERM);
  waitpid(std::exchange(pid_, 0), nullptr, 0);
}

v1::SubmitJobRequest LoadDaemon::Request(const WorkerTask& task) const {
  v1::SubmitJobRequest request;
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_architecture(v1::ARCHITECTURE_SD1);
  spec.set_name("load");
  (*spec.mutable_labels())["dir"] = folder_;
  (*spec.mutable_labels())["kind"] = task.kind;
  (*spec.mutable_labels())["events"] = absl::StrCat(task.events);
  (*spec.mutable_labels())["rate"] = absl::StrCat(task.rate);
  v1::TrainingConfig& training = *spec.mutable_training();
  training.mutable_model()->set_pretrained_model_name_or_path(
      folder_ + "/model.safetensors");
  training.mutable_dataset()->set_train_data_dir(folder_ + "/images");
  training.mutable_dataset()->set_resolution("64");
  return request;
}

int64_t LoadDaemon::Submit(const WorkerTask& task) const {
  grpc::ClientContext context;
  v1::SubmitJobResponse response;
  const grpc::Status status =
      Jobs()->SubmitJob(&context, Request(task), &response);
  if (!status.ok()) Fail("a submission failed: " + status.error_message());
  return response.job().id();
}

void LoadDaemon::AwaitRunning(int64_t id) const {
  grpc::ClientContext context;
  v1::WatchJobRequest request;
  request.set_id(id);
  const auto jobs = Jobs();
  const auto stream = jobs->WatchJob(&context, request);
  v1::WatchJobResponse response;
  bool is_running = false;
  while (!is_running && stream->Read(&response))
    is_running = response.event().state().state() == v1::JOB_STATE_RUNNING;
  context.TryCancel();
  stream->Finish();
  if (!is_running) Fail(absl::StrCat("job ", id, " did not start"));
}

std::shared_ptr<grpc::Channel> LoadDaemon::Channel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("unix:" + folder_ + "/state/atelier.sock",
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::unique_ptr<v1::JobService::Stub> LoadDaemon::Jobs() const {
  return v1::JobService::NewStub(Channel());
}

std::string LoadDaemon::Metrics() const {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port_);
  const std::string request =
      "GET /metrics HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  std::string text;
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address),
              sizeof address) == 0 &&
      write(connection, request.data(), request.size()) > 0) {
    char buffer[65536];
    for (ssize_t n; (n = read(connection, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(n));
  }
  close(connection);
  return text;
}

double LoadDaemon::CpuSeconds() const {
  const std::string stat =
      testing::ReadText(absl::StrCat("/proc/", pid_, "/stat"));
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double LoadDaemon::RssMib() const { return StatusMib(pid_, "VmRSS:"); }
double LoadDaemon::PeakMib() const { return StatusMib(pid_, "VmHWM:"); }

}  // namespace atelier::bench
