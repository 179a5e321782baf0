#include "server/shim/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace atelier::shim {
namespace {

// The fields of /proc/PID/stat after the command, which may hold anything: from
// `state` on. Null: no such process.
const char* ReadStat(pid_t pid, char* text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  if (length <= 0) return nullptr;
  text[length] = '\0';
  const char* command_end = strrchr(text, ')');
  return command_end == nullptr ? nullptr : command_end + 2;
}

// Parent of `pid`; 0: no such process.
pid_t ParentOf(pid_t pid) {
  char text[1024];
  const char* fields = ReadStat(pid, text, sizeof text);
  return fields == nullptr ? 0 : atoi(fields + 2);
}

}  // namespace

unsigned long long StartTicks(pid_t pid) {
  char text[1024];
  const char* field = ReadStat(pid, text, sizeof text);
  // proc(5): starttime is field 22; `state` is field 3.
  for (int i = 3; field != nullptr && i < 22; ++i) {
    field = strchr(field, ' ');
    if (field != nullptr) ++field;
  }
  return field == nullptr ? 0 : strtoull(field, nullptr, 10);
}

void KillChildren() {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return;
  while (const dirent* entry = readdir(proc)) {
    pid_t pid = atoi(entry->d_name);
    if (pid > 0 && ParentOf(pid) == getpid()) kill(pid, SIGKILL);
  }
  closedir(proc);
}

}  // namespace atelier::shim
