#include "server/run/process_tree.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "server/run/file_bytes.h"

namespace atelier::server {
namespace {

// How long a killed process is waited for before the next look.
constexpr int kGoneWaitMs = 50;
constexpr int kKillRounds = 100;

int OpenPidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

bool BelongsTo(pid_t pid, const std::string& marker) {
  auto environment = ReadFileBytes(absl::StrCat("/proc/", pid, "/environ"));
  if (!environment.ok()) return false;
  for (absl::string_view entry : absl::StrSplit(*environment, '\0'))
    if (entry == marker) return true;
  return false;
}

std::vector<pid_t> ProcessesWith(const std::string& marker, pid_t spared) {
  std::vector<pid_t> result;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end;
       !error && it != end; it.increment(error)) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(it->path().filename().native(), &pid) &&
        pid != getpid() && pid != spared && BelongsTo(pid, marker))
      result.push_back(pid);
  }
  return result;
}

// Kills through a pidfd, so that a pid that came back is never hit.
void KillIfOurs(pid_t pid, const std::string& marker) {
  int fd = OpenPidfd(pid);
  if (fd < 0) return;
  if (BelongsTo(pid, marker)) {
    syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0);
    pollfd gone = {fd, POLLIN, 0};
    poll(&gone, 1, kGoneWaitMs);
  }
  close(fd);
}

}  // namespace

uint64_t StartTicks(pid_t pid) {
  auto stat = ReadFileBytes(absl::StrCat("/proc/", pid, "/stat"));
  if (!stat.ok()) return 0;
  // proc(5): starttime is field 22; the command, field 2, may hold anything.
  size_t command_end = stat->rfind(')');
  if (command_end == std::string::npos) return 0;
  std::vector<std::string> fields =
      absl::StrSplit(stat->substr(command_end + 2), ' ');
  constexpr size_t kStartTime = 22 - 3;
  uint64_t ticks = 0;
  if (fields.size() <= kStartTime ||
      !absl::SimpleAtoi(fields[kStartTime], &ticks))
    return 0;
  // A zombie is no longer running.
  return fields[0] == "Z" || fields[0] == "X" ? 0 : ticks;
}

std::string BootId() {
  auto text = ReadFileBytes("/proc/sys/kernel/random/boot_id");
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

int OpenProcess(const ProcessId& process) {
  int fd = OpenPidfd(process.pid);
  if (fd < 0) return -1;
  if (StartTicks(process.pid) == process.start_ticks &&
      BootId() == process.boot_id)
    return fd;
  close(fd);
  return -1;
}

bool KillProcessTree(const std::string& run_dir, pid_t spared) {
  std::string marker = absl::StrCat(kRunDirVariable, "=", run_dir);
  for (int i = 0; i < kKillRounds; ++i) {
    std::vector<pid_t> pids = ProcessesWith(marker, spared);
    if (pids.empty()) return true;
    for (pid_t pid : pids) KillIfOurs(pid, marker);
  }
  return false;
}

}  // namespace atelier::server
