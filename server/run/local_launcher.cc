#include "server/run/local_launcher.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

#include "proto/cc/status_macros.h"
#include "server/run/process_tree.h"
#include "server/run/spawner.h"

namespace atelier::server {
namespace {

constexpr size_t kLastLogBytes = 4096;

absl::Status NotRunning(const AttemptId& attempt) {
  return absl::NotFoundError(absl::StrCat(
      "attempt ", attempt.number, " of job ", attempt.job, " is not running"));
}

void SendSignal(int pidfd, int signal) {
  syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

}  // namespace

LocalLauncher::LocalLauncher(LocalLauncherOptions options, ExitCallback on_exit)
    : options_(std::move(options)),
      on_exit_(std::move(on_exit)),
      groups_(ControlGroups::Open(options_.cgroup)),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = wake_fd_;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
  thread_ = std::thread([this] { WatchLoop(); });
}

LocalLauncher::~LocalLauncher() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  for (const auto& [attempt, watched] : watched_) close(watched.pidfd);
  close(epoll_fd_);
  close(wake_fd_);
}

AttemptFolder LocalLauncher::Folder(const AttemptId& attempt) const {
  return AttemptFolder(options_.state_dir, attempt);
}

void LocalLauncher::Wake() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(wake_fd_, &one, sizeof one);
}

std::vector<std::string> LocalLauncher::Command(
    const AttemptId& attempt) const {
  AttemptFolder folder = Folder(attempt);
  return {options_.shim_program,
          folder.path(),
          options_.trainer_program,
          "work",
          "--socket",
          options_.worker_socket,
          "--job",
          absl::StrCat(attempt.job),
          "--attempt",
          absl::StrCat(attempt.number),
          "--token-file",
          folder.File("token"),
          "--run-dir",
          folder.path()};
}

absl::Status LocalLauncher::Start(const LaunchRequest& request) {
  AttemptFolder folder = Folder(request.attempt);
  RETURN_IF_ERROR(folder.Create(request.token));
  SpawnRequest spawn;
  spawn.command = Command(request.attempt);
  spawn.environment = request.environment;
  spawn.environment[kRunDirVariable] = folder.path();
  if (groups_.is_used()) {
    ASSIGN_OR_RETURN(spawn.environment[kGroupVariable],
                     groups_.Make(request.attempt, request.memory_limit_bytes));
  }
  ASSIGN_OR_RETURN(pid_t shim, Spawn(spawn));
  // Still our child and not waited for: the pid cannot have come back.
  int pidfd = static_cast<int>(syscall(SYS_pidfd_open, shim, 0));
  if (pidfd < 0)
    return absl::InternalError(absl::StrCat("cannot watch process ", shim, ": ",
                                            std::strerror(errno)));
  Watch(request.attempt, {shim, pidfd, /*is_shim=*/true});
  return absl::OkStatus();
}

void LocalLauncher::Watch(const AttemptId& attempt, const Watched& watched) {
  absl::MutexLock lock(&mutex_);
  watched_[attempt] = watched;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = watched.pidfd;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, watched.pidfd, &event);
}

bool LocalLauncher::WatchIfAlive(const AttemptId& attempt) {
  AttemptFolder folder = Folder(attempt);
  for (bool is_shim : {true, false}) {
    auto process = is_shim ? folder.Shim() : folder.Worker();
    int pidfd = process ? OpenProcess(*process) : -1;
    if (pidfd < 0) continue;
    if (!is_shim)
      spdlog::warn("job {} attempt {}: worker {} lost its shim and trains on",
                   attempt.job, attempt.number, process->pid);
    Watch(attempt, {process->pid, pidfd, is_shim});
    return true;
  }
  return false;
}

void LocalLauncher::ReportSoon(const AttemptId& attempt,
                               const WorkerExit& worker_exit) {
  {
    absl::MutexLock lock(&mutex_);
    pending_.emplace_back(attempt, worker_exit);
  }
  Wake();
}

absl::Status LocalLauncher::Adopt(const AttemptId& attempt) {
  AttemptFolder folder = Folder(attempt);
  if (WatchIfAlive(attempt)) return absl::OkStatus();
  absl::StatusOr<bool> withdrawn = folder.Withdraw();
  if (!withdrawn.ok() && !absl::IsNotFound(withdrawn.status()))
    return AddLocation(withdrawn.status());
  if (!withdrawn.ok() || *withdrawn) {
    WorkerExit never;
    never.never_started = true;
    ReportSoon(attempt, never);
    return absl::OkStatus();
  }
  // The shim may have claimed the folder since the first look.
  if (!WatchIfAlive(attempt)) ReportSoon(attempt, Outcome(attempt));
  return absl::OkStatus();
}

absl::Status LocalLauncher::Terminate(const AttemptId& attempt) {
  absl::MutexLock lock(&mutex_);
  auto it = watched_.find(attempt);
  if (it == watched_.end()) return NotRunning(attempt);
  if (it->second.is_shim)
    SendSignal(it->second.pidfd, SIGTERM);
  else
    kill(-it->second.pid, SIGTERM);
  return absl::OkStatus();
}

absl::Status LocalLauncher::Kill(const AttemptId& attempt) {
  pid_t shim = 0;
  {
    absl::MutexLock lock(&mutex_);
    auto it = watched_.find(attempt);
    if (it == watched_.end()) return NotRunning(attempt);
    if (it->second.is_shim) {
      shim = it->second.pid;
      SendSignal(it->second.pidfd, SIGCONT);
      SendSignal(it->second.pidfd, SIGUSR1);
    }
  }
  groups_.Kill(attempt);
  // The shim is spared: it writes down how the worker ended.
  if (!KillProcessTree(Folder(attempt).path(), shim))
    return absl::DeadlineExceededError(
        absl::StrCat("processes of attempt ", attempt.number, " of job ",
                     attempt.job, " do not end"));
  return absl::OkStatus();
}

ProcessId LocalLauncher::Shim(const AttemptId& attempt) const {
  absl::MutexLock lock(&mutex_);
  auto it = watched_.find(attempt);
  if (it == watched_.end() || !it->second.is_shim)
    return Folder(attempt).Shim().value_or(ProcessId());
  pid_t pid = it->second.pid;
  return {pid, StartTicks(pid), BootId()};
}

ProcessId LocalLauncher::Worker(const AttemptId& attempt) const {
  return Folder(attempt).Worker().value_or(ProcessId());
}

void LocalLauncher::WatchLoop() {
  while (true) {
    epoll_event event;
    int ready = epoll_wait(epoll_fd_, &event, 1, -1);
    if (ready < 1) continue;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    if (event.data.fd != wake_fd_) {
      OnProcessEnd(event.data.fd);
      continue;
    }
    uint64_t count;
    [[maybe_unused]] ssize_t got = read(wake_fd_, &count, sizeof count);
    ReportPending();
  }
}

void LocalLauncher::OnProcessEnd(int pidfd) {
  AttemptId attempt;
  Watched watched;
  {
    absl::MutexLock lock(&mutex_);
    auto it = watched_.begin();
    while (it != watched_.end() && it->second.pidfd != pidfd) ++it;
    if (it == watched_.end()) return;
    std::tie(attempt, watched) = *it;
    watched_.erase(it);
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, pidfd, nullptr);
  }
  // Ours to collect unless it was adopted.
  siginfo_t info;
  waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG);
  close(pidfd);
  bool ended = !watched.is_shim || Folder(attempt).Exit().has_value();
  if (!ended && WatchIfAlive(attempt)) return;
  Finish(attempt, Outcome(attempt));
}

WorkerExit LocalLauncher::Outcome(const AttemptId& attempt) const {
  AttemptFolder folder = Folder(attempt);
  if (auto written = folder.Exit()) return *written;
  WorkerExit unknown;
  unknown.never_started = !folder.HasWorkerFile();
  return unknown;
}

void LocalLauncher::Finish(const AttemptId& attempt, WorkerExit worker_exit) {
  AttemptFolder folder = Folder(attempt);
  groups_.Kill(attempt);
  const GroupFacts facts = groups_.ReadFacts(attempt);
  worker_exit.memory_kills = facts.memory_kills;
  worker_exit.memory_limit_bytes = facts.limit_bytes;
  if (!KillProcessTree(folder.path()))
    spdlog::error("job {} attempt {}: some of its processes do not end",
                  attempt.job, attempt.number);
  groups_.Remove(attempt);
  worker_exit.last_log = folder.LastLog(kLastLogBytes);
  on_exit_(attempt, worker_exit);
}

void LocalLauncher::ReportPending() {
  std::vector<std::pair<AttemptId, WorkerExit>> pending;
  {
    absl::MutexLock lock(&mutex_);
    pending.swap(pending_);
  }
  for (auto& [attempt, worker_exit] : pending) Finish(attempt, worker_exit);
}

}  // namespace atelier::server
