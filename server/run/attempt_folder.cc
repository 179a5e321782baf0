#include "server/run/attempt_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "server/jobs/job_paths.h"
#include "server/run/file_bytes.h"
#include "server/run/process_tree.h"

namespace atelier::server {
namespace {

std::optional<nlohmann::json> ReadJson(const std::string& path) {
  auto text = ReadFileBytes(path);
  if (!text.ok()) return std::nullopt;
  auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

template <typename T>
std::optional<T> Number(const nlohmann::json& json, const char* key) {
  auto it = json.find(key);
  if (it == json.end() || !it->is_number()) return std::nullopt;
  return it->get<T>();
}

}  // namespace

AttemptFolder::AttemptFolder(const std::string& state_dir,
                             const AttemptId& attempt)
    : path_(RunFolder(state_dir, attempt)) {}

absl::Status AttemptFolder::Create(const std::string& token) const {
  std::error_code error;
  std::filesystem::create_directories(
      std::filesystem::path(path_).parent_path(), error);
  if (mkdir(path_.c_str(), 0750) != 0)
    return FileError(errno, "cannot make the run folder", path_);
  RETURN_IF_ERROR(WriteNewFile(File("boot_id"), BootId() + "\n"));
  RETURN_IF_ERROR(WriteNewFile(File("token"), token));
  return absl::OkStatus();
}

absl::StatusOr<bool> AttemptFolder::Withdraw() const {
  absl::Status written = WriteNewFile(File("shim.json"), "withdrawn\n");
  if (written.ok()) return true;
  if (absl::IsAlreadyExists(written)) return false;
  return AddLocation(std::move(written));
}

std::optional<ProcessId> AttemptFolder::ReadProcess(
    const std::string& name) const {
  auto boot = ReadFileBytes(File("boot_id"));
  std::string boot_id = BootId();
  if (!boot.ok() || absl::StripAsciiWhitespace(*boot) != boot_id)
    return std::nullopt;
  auto json = ReadJson(File(name));
  if (!json) return std::nullopt;
  auto pid = Number<pid_t>(*json, "pid");
  auto start = Number<uint64_t>(*json, "start_ticks");
  if (!pid || !start || *pid <= 0 || *start == 0) return std::nullopt;
  return ProcessId{*pid, *start, boot_id};
}

std::optional<ProcessId> AttemptFolder::Shim() const {
  return ReadProcess("shim.json");
}

std::optional<ProcessId> AttemptFolder::Worker() const {
  return ReadProcess("worker.json");
}

bool AttemptFolder::HasWorkerFile() const {
  return access(File("worker.json").c_str(), F_OK) == 0;
}

std::optional<WorkerExit> AttemptFolder::Exit() const {
  auto json = ReadJson(File("exit.json"));
  if (!json) return std::nullopt;
  WorkerExit result;
  result.status.code = Number<int>(*json, "exit_code");
  result.status.signal = Number<int>(*json, "exit_signal");
  result.max_rss_bytes = Number<int64_t>(*json, "max_rss_bytes").value_or(0);
  if (!result.status.code && !result.status.signal) return std::nullopt;
  return result;
}

std::string AttemptFolder::LastLog(size_t max_bytes) const {
  int fd = open(File("worker.log").c_str(),
                O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return "";
  struct stat info = {};
  std::string tail;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    auto size = static_cast<size_t>(info.st_size);
    tail.resize(std::min(size, max_bytes));
    ssize_t got = pread(fd, tail.data(), tail.size(),
                        static_cast<off_t>(size - tail.size()));
    tail.resize(got < 0 ? 0 : static_cast<size_t>(got));
    size_t line = tail.size() < size ? tail.find('\n') : std::string::npos;
    if (line != std::string::npos) tail.erase(0, line + 1);
  }
  close(fd);
  return tail;
}

}  // namespace atelier::server
