#include "server/shim/run_files.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "server/shim/process.h"

namespace atelier::shim {
namespace {

constexpr int kExitFileBytes = 512;

// Makes `size` bytes all that is in a file and syncs it. Blocks that the file
// has are used again. False with errno set.
bool WriteDurably(const char* name, const char* bytes, int size) {
  int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  ssize_t written = write(fd, bytes, static_cast<size_t>(size));
  if (written >= 0 && written < size) errno = ENOSPC;
  bool whole = written == size && ftruncate(fd, size) == 0 && fsync(fd) == 0;
  int error = errno;
  close(fd);
  if (!whole) unlink(name);
  errno = error;
  return whole;
}

// Takes the space that exit.json will need, so that a disk that fills up later
// does not hide how the worker ended. Where it cannot, nothing is lost yet.
void ReserveExitFile() {
  int fd = open("exit.json.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  posix_fallocate(fd, 0, kExitFileBytes);
  close(fd);
}

bool SyncCurrentFolder() {
  int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

int FormatProcess(char* text, size_t size, pid_t pid) {
  return snprintf(text, size, "{\"pid\": %d, \"start_ticks\": %llu}\n", pid,
                  StartTicks(pid));
}

long long Milliseconds(const timespec& time) {
  return static_cast<long long>(time.tv_sec) * 1000 + time.tv_nsec / 1000000;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

bool ClaimRunFolder() {
  char text[128];
  int size = FormatProcess(text, sizeof text, getpid());
  if (!WriteDurably("shim.json.tmp", text, size)) return false;
  bool claimed = link("shim.json.tmp", "shim.json") == 0;
  int error = errno;
  unlink("shim.json.tmp");
  if (claimed) ReserveExitFile();
  errno = error;
  return claimed && SyncCurrentFolder();
}

bool WriteWorkerFile(pid_t worker) {
  char text[128];
  int size = FormatProcess(text, sizeof text, worker);
  return WriteDurably("worker.json.tmp", text, size) &&
         rename("worker.json.tmp", "worker.json") == 0 && SyncCurrentFolder();
}

bool WriteExitFile(const WorkerExit& worker_exit) {
  const int status = worker_exit.wait_status;
  const bool exited = WIFEXITED(status);
  char text[kExitFileBytes];
  int size = snprintf(
      text, sizeof text,
      "{\"pid\": %d, \"%s\": %d, \"core_dumped\": %s,\n"
      " \"start_unix_ms\": %lld, \"end_unix_ms\": %lld,\n"
      " \"user_seconds\": %.6f, \"system_seconds\": %.6f,\n"
      " \"max_rss_bytes\": %lld}\n",
      worker_exit.pid, exited ? "exit_code" : "exit_signal",
      exited ? WEXITSTATUS(status) : WTERMSIG(status),
      !exited && WCOREDUMP(status) ? "true" : "false",
      Milliseconds(worker_exit.start), Milliseconds(worker_exit.end),
      Seconds(worker_exit.usage.ru_utime), Seconds(worker_exit.usage.ru_stime),
      static_cast<long long>(worker_exit.usage.ru_maxrss) * 1024);
  return WriteDurably("exit.json.tmp", text, size) &&
         rename("exit.json.tmp", "exit.json") == 0 && SyncCurrentFolder();
}

}  // namespace atelier::shim
