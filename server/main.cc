// atelierd [--config FILE] [--state-dir DIR] [--check-config] [--version]
//
// Without a config file all is default and --state-dir must be given. When the
// daemon is ready it prints one line with its socket. SIGTERM and SIGINT end
// it; workers live on.
//
// Exit status: 0 ended when asked to, or nothing to complain about; 64 wrong
// use; 69 an address is taken or cannot be used; 70 anything else; 73 the state
// folder cannot be written; 75 another daemon has the state folder; 78 the
// config is at fault.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "spdlog/sinks/basic_file_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include <systemd/sd-daemon.h>

#include "proto/cc/status_macros.h"
#include "server/config/daemon_config.h"
#include "server/daemon.h"
#include "server/daemon_flags.h"

namespace atelier::server {
namespace {

absl::Status OpenLog(const DaemonConfig& config) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  try {
    if (config.log_file.empty())
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      sink =
          std::make_shared<spdlog::sinks::basic_file_sink_mt>(config.log_file);
  } catch (const spdlog::spdlog_ex& error) {
    return absl::InvalidArgumentError(absl::StrCat("log_file: ", error.what()));
  }
  auto logger = std::make_shared<spdlog::logger>("atelierd", sink);
  logger->set_level(spdlog::level::from_str(config.log_level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
  return absl::OkStatus();
}

// Every connection, stream and worker holds file descriptors.
void RaiseFileLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

sigset_t BlockSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

int Fail(const absl::Status& status) {
  fprintf(stderr, "atelierd: %s\n", std::string(status.message()).c_str());
  return DaemonExitCode(status);
}

// Waits for the signal that ends the daemon, telling the service manager in
// between that the daemon is well.
void AwaitEnd(const Daemon& daemon, const sigset_t& signals) {
  uint64_t watchdog_usec = 0;
  bool is_watched = sd_watchdog_enabled(0, &watchdog_usec) > 0;
  timespec period = absl::ToTimespec(absl::Microseconds(watchdog_usec / 3 + 1));
  while (true) {
    int signal = is_watched ? sigtimedwait(&signals, nullptr, &period)
                            : sigwaitinfo(&signals, nullptr);
    if (signal > 0) return;
    if (errno == EAGAIN && daemon.CheckHealth().ok())
      sd_notify(0, "WATCHDOG=1");
  }
}

int Run(const DaemonConfig& config) {
  RaiseFileLimit();
  sigset_t signals = BlockSignals();
  absl::Status logging = OpenLog(config);
  if (!logging.ok()) return Fail(logging);
  auto daemon = Daemon::Start(config);
  if (!daemon.ok()) return Fail(daemon.status());
  printf("atelierd %s is ready: unix:%s\n", ATELIER_VERSION,
         config.listen.c_str());
  fflush(stdout);
  sd_notify(0, "READY=1");
  spdlog::info("ready on unix:{}, metrics on {}", config.listen,
               (*daemon)->metrics_address());
  AwaitEnd(**daemon, signals);
  sd_notify(0, "STOPPING=1");
  spdlog::info("stopping; workers live on");
  (*daemon)->Stop();
  return 0;
}

}  // namespace
}  // namespace atelier::server

int main(int argc, char** argv) {
  using namespace atelier::server;  // NOLINT(google-build-using-namespace)
  auto flags = ParseDaemonFlags(argc, argv);
  if (!flags.ok()) {
    fprintf(stderr, "atelierd: %s\n%s",
            std::string(flags.status().message()).c_str(), kDaemonUsage);
    return 64;
  }
  if (flags->version) {
    printf("atelierd %s\n", ATELIER_VERSION);
    return 0;
  }
  auto config = LoadDaemonConfig(flags->places);
  if (!config.ok()) return Fail(config.status());
  if (!flags->check_config) return Run(*config);
  printf("the config is good; state in %s\n", config->state_dir.c_str());
  return 0;
}
