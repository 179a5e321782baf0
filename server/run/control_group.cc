#include "server/run/control_group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "server/run/file_bytes.h"

namespace atelier::server {
namespace {

// CGROUP2_SUPER_MAGIC of linux/magic.h.
constexpr long kCgroup2Magic = 0x63677270;

// Control files are there before they are written; O_CREAT is for folders that
// stand in for the hierarchy.
bool WriteControl(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  const ssize_t written = write(fd, text.data(), text.size());
  close(fd);
  return written == static_cast<ssize_t>(text.size());
}

int64_t ReadNumber(const std::string& path) {
  const auto text = ReadFileBytes(path);
  int64_t number = 0;
  if (!text.ok() ||
      !absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &number))
    return 0;
  return number;
}

// Of a file with lines `name number`.
int64_t ReadNamed(const std::string& path, absl::string_view name) {
  const auto text = ReadFileBytes(path);
  if (!text.ok()) return 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    int64_t number = 0;
    if (absl::ConsumePrefix(&line, name) && absl::ConsumePrefix(&line, " ") &&
        absl::SimpleAtoi(line, &number))
      return number;
  }
  return 0;
}

bool IsHierarchy(const std::string& path) {
  struct statfs info = {};
  return statfs(path.c_str(), &info) == 0 && info.f_type == kCgroup2Magic;
}

// The daemon's own group, if it is one that was given to it.
std::string OwnGroup() {
  const auto text = ReadFileBytes("/proc/self/cgroup");
  if (!text.ok()) return "";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    // The root of all belongs to nobody.
    if (!absl::ConsumePrefix(&line, "0::") || line == "/") continue;
    for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
      if (IsHierarchy(mount)) return absl::StrCat(mount, line);
  }
  return "";
}

}  // namespace

ControlGroups ControlGroups::Open(const std::string& setting) {
  ControlGroups groups;
  const bool is_auto = setting == "auto";
  const std::string root = is_auto ? OwnGroup() : setting;
  if (setting.empty() || setting == "off") {
    groups.message_ = "switched off";
    return groups;
  }
  if (root.empty() || access(root.c_str(), W_OK) != 0) {
    groups.message_ =
        absl::StrCat(is_auto ? "no control group was delegated to the daemon"
                             : absl::StrCat("cannot write to ", setting));
    return groups;
  }
  if (is_auto) {
    // A group with groups below that are limited has no processes itself.
    const std::string own = absl::StrCat(root, "/daemon");
    mkdir(own.c_str(), 0755);
    if (!WriteControl(own + "/cgroup.procs", absl::StrCat(getpid()))) {
      groups.message_ = absl::StrCat("cannot move the daemon to ", own, ": ",
                                     std::strerror(errno));
      return groups;
    }
  }
  // Without the controller there are no limits, and the rest works.
  WriteControl(root + "/cgroup.subtree_control", "+memory");
  groups.root_ = root;
  return groups;
}

std::string ControlGroups::Folder(const AttemptId& attempt) const {
  return absl::StrCat(root_, "/atelier-job-", attempt.job, ".", attempt.number);
}

absl::StatusOr<std::string> ControlGroups::Make(const AttemptId& attempt,
                                                int64_t limit_bytes) const {
  const std::string folder = Folder(attempt);
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return absl::InternalError(absl::StrCat(
        "cannot make control group ", folder, ": ", std::strerror(errno)));
  if (limit_bytes > 0) {
    WriteControl(folder + "/memory.max", absl::StrCat(limit_bytes));
    WriteControl(folder + "/memory.swap.max", "0");
    // One process without memory is no job: all of it goes.
    WriteControl(folder + "/memory.oom.group", "1");
  }
  return folder + "/cgroup.procs";
}

void ControlGroups::Kill(const AttemptId& attempt) const {
  if (!is_used()) return;
  const std::string folder = Folder(attempt);
  // Linux 5.14 and later; before, what is not found by its environment stays.
  if (access((folder + "/cgroup.kill").c_str(), W_OK) == 0) {
    WriteControl(folder + "/cgroup.kill", "1");
    return;
  }
  const auto pids = ReadFileBytes(folder + "/cgroup.procs");
  if (!pids.ok()) return;
  for (absl::string_view line : absl::StrSplit(*pids, '\n')) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(line, &pid) && pid > 1) kill(pid, SIGKILL);
  }
}

GroupFacts ControlGroups::ReadFacts(const AttemptId& attempt) const {
  GroupFacts facts;
  if (!is_used()) return facts;
  const std::string folder = Folder(attempt);
  facts.memory_kills = ReadNamed(folder + "/memory.events", "oom_kill");
  facts.peak_bytes = ReadNumber(folder + "/memory.peak");
  facts.limit_bytes = ReadNumber(folder + "/memory.max");
  return facts;
}

void ControlGroups::Remove(const AttemptId& attempt) const {
  if (is_used()) rmdir(Folder(attempt).c_str());
}

}  // namespace atelier::server
