#include "server/run/spawner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

#include "proto/cc/status_macros.h"

extern char** environ;

namespace atelier::server {
namespace {

constexpr size_t kMaxOutputBytes = 1 << 20;

// What a service manager tells the daemon alone.
bool IsForDaemonOnly(absl::string_view entry) {
  for (absl::string_view name :
       {"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "LISTEN_FDS=",
        "LISTEN_PID=", "LISTEN_FDNAMES="})
    if (entry.substr(0, name.size()) == name) return true;
  return false;
}

std::vector<std::string> MakeEnvironment(
    const std::map<std::string, std::string>& added) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    absl::string_view text = *entry;
    std::string name(text.substr(0, text.find('=')));
    if (!IsForDaemonOnly(text) && added.count(name) == 0)
      result.emplace_back(text);
  }
  for (const auto& [name, value] : added)
    result.push_back(absl::StrCat(name, "=", value));
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Fills in file descriptors 0 to 2 and closes all others.
int SetFiles(posix_spawn_file_actions_t* actions, int output_fd) {
  int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
                                               "/dev/null", O_RDWR, 0);
  if (error == 0)
    error = posix_spawn_file_actions_adddup2(
        actions, output_fd < 0 ? STDIN_FILENO : output_fd, STDOUT_FILENO);
  if (error == 0)
    error =
        posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDERR_FILENO);
  if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
  return error;
}

int SetAttributes(posix_spawnattr_t* attributes) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID |
                                                  POSIX_SPAWN_SETSIGMASK |
                                                  POSIX_SPAWN_SETSIGDEF);
}

absl::Status SpawnError(int error, const std::string& program) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  if (error == ENOENT) code = absl::StatusCode::kNotFound;
  if (error == EAGAIN || error == ENOMEM)
    code = absl::StatusCode::kResourceExhausted;
  return {code,
          absl::StrCat("cannot start ", program, ": ", std::strerror(error))};
}

// Reads until the other end is closed or the time is up.
absl::StatusOr<std::string> ReadUntilClosed(int fd, absl::Time deadline) {
  std::string output;
  char buffer[4096];
  while (output.size() < kMaxOutputBytes) {
    int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    pollfd wait = {fd, POLLIN, 0};
    int ready = left <= 0 ? 0 : poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return absl::DeadlineExceededError("it took too long");
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    output.append(buffer, static_cast<size_t>(got));
  }
  return output;
}

}  // namespace

absl::StatusOr<pid_t> Spawn(const SpawnRequest& request) {
  std::vector<std::string> command = request.command;
  std::vector<std::string> environment = MakeEnvironment(request.environment);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };
  pid_t pid = 0;
  int error = SetFiles(&actions, request.output_fd);
  if (error == 0) error = SetAttributes(&attributes);
  if (error == 0)
    error = posix_spawn(&pid, command.at(0).c_str(), &actions, &attributes,
                        Pointers(command).data(), Pointers(environment).data());
  if (error != 0) return SpawnError(error, command[0]);
  return pid;
}

absl::StatusOr<std::string> RunAndRead(const SpawnRequest& request,
                                       absl::Duration limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return absl::InternalError(
        absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  absl::Cleanup close_read = [&] { close(ends[0]); };
  SpawnRequest with_output = request;
  with_output.output_fd = ends[1];
  absl::StatusOr<pid_t> pid = Spawn(with_output);
  close(ends[1]);
  if (!pid.ok()) return AddLocation(std::move(pid).status());
  auto output = ReadUntilClosed(ends[0], absl::Now() + limit);
  if (!output.ok()) kill(-*pid, SIGKILL);
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!output.ok()) return AddContext(output.status(), request.command[0]);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return absl::InternalError(
        absl::StrCat(request.command[0], " failed with wait status ", status));
  return output;
}

}  // namespace atelier::server
