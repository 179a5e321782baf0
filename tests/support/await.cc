#include "tests/support/await.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/time/clock.h"

namespace atelier::testing {
namespace {

int MillisecondsUntil(absl::Time deadline) {
  return static_cast<int>(
      std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now())));
}

// The deepest folder on the way to `path` that exists.
std::string ExistingFolder(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  while (!std::filesystem::is_directory(folder)) folder = folder.parent_path();
  return folder;
}

// Waits until `holds`, looking again whenever something changes on the way.
bool AwaitChange(const std::string& path, const std::function<bool()>& holds,
                 absl::Duration limit) {
  absl::Time deadline = absl::Now() + limit;
  while (!holds()) {
    int fd = inotify_init1(IN_CLOEXEC);
    inotify_add_watch(fd, ExistingFolder(path).c_str(),
                      IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE);
    // It may have come before the watch was there.
    pollfd change = {fd, POLLIN, 0};
    bool now = holds();
    int ready = now ? 1 : poll(&change, 1, MillisecondsUntil(deadline));
    close(fd);
    if (ready <= 0) return holds();
  }
  return true;
}

}  // namespace

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void WriteText(const std::string& path, const std::string& text,
               bool executable) {
  std::ofstream(path, std::ios::binary) << text;
  if (executable) chmod(path.c_str(), 0755);
}

bool AwaitFile(const std::string& path, absl::Duration limit) {
  return AwaitChange(
      path, [&] { return std::filesystem::exists(path); }, limit);
}

bool AwaitText(const std::string& path, const std::string& text,
               absl::Duration limit) {
  return AwaitChange(
      path, [&] { return ReadText(path).find(text) != std::string::npos; },
      limit);
}

bool AwaitProcessEnd(pid_t pid, absl::Duration limit) {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return true;
  pollfd end = {fd, POLLIN, 0};
  int ready = poll(&end, 1, MillisecondsUntil(absl::Now() + limit));
  close(fd);
  return ready == 1;
}

}  // namespace atelier::testing
