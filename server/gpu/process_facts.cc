#include "server/gpu/process_facts.h"

#include <pwd.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "server/run/process_tree.h"

namespace atelier::server {
namespace {

// Deeper than any real tree of processes.
constexpr int kMaxAncestors = 64;

std::string ReadProc(pid_t pid, const char* name) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/", name), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// `1/attempt-2` and what may follow.
std::optional<AttemptId> ParseAttempt(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  AttemptId id;
  absl::string_view number = parts.size() > 1 ? parts[1] : "";
  if (!absl::ConsumePrefix(&number, "attempt-") ||
      !absl::SimpleAtoi(parts[0], &id.job) ||
      !absl::SimpleAtoi(number, &id.number))
    return std::nullopt;
  return id;
}

std::optional<AttemptId> FromEnvironment(const std::string& state_dir,
                                         pid_t pid) {
  const std::string marker =
      absl::StrCat(kRunDirVariable, "=", state_dir, "/jobs/");
  const std::string environment = ReadProc(pid, "environ");
  for (absl::string_view entry : absl::StrSplit(environment, '\0'))
    if (absl::ConsumePrefix(&entry, marker)) return ParseAttempt(entry);
  return std::nullopt;
}

pid_t ParentOf(pid_t pid) {
  const std::string stat = ReadProc(pid, "stat");
  const size_t command_end = stat.rfind(')');
  if (command_end == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(command_end + 2), ' ');
  pid_t parent = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &parent)) return 0;
  return parent;
}

std::string UserOf(pid_t pid) {
  struct stat info = {};
  if (stat(absl::StrCat("/proc/", pid).c_str(), &info) != 0) return "";
  passwd entry = {};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  getpwuid_r(info.st_uid, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? absl::StrCat(info.st_uid) : found->pw_name;
}

}  // namespace

ProcessFacts LookUpProcess(const std::string& state_dir, pid_t pid) {
  ProcessFacts facts;
  facts.name = std::string(absl::StripAsciiWhitespace(ReadProc(pid, "comm")));
  facts.user = UserOf(pid);
  pid_t each = pid;
  for (int i = 0; i < kMaxAncestors && each > 1 && !facts.attempt; ++i) {
    facts.attempt = FromEnvironment(state_dir, each);
    each = ParentOf(each);
  }
  return facts;
}

}  // namespace atelier::server
