#include "trainer/data/file_digests.h"

#include <sys/stat.h>
#include <time.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

constexpr char kFileName[] = "/digests";
constexpr size_t kDigestDigits = 64;
constexpr time_t kSettledSeconds = 2;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// What tells that a file is as it was; none for what is not there.
std::optional<std::string> MarksOf(const std::string& path, bool* is_settled) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  const time_t now = time(nullptr);
  *is_settled = info.st_ctim.tv_sec + kSettledSeconds < now &&
                info.st_mtim.tv_sec + kSettledSeconds < now;
  return absl::StrCat(info.st_size, " ", Nanoseconds(info.st_mtim), " ",
                      Nanoseconds(info.st_ctim), " ", info.st_ino);
}

// Files beside the folder by their names, so that all of it can be moved;
// others by their paths.
std::string NameOf(const std::string& path, const std::string& folder) {
  const std::filesystem::path file(path);
  const bool is_beside =
      std::filesystem::path(folder).parent_path() == file.parent_path();
  return is_beside ? file.filename().string() : path;
}

}  // namespace

FileDigests::Folder& FileDigests::Read(const std::string& folder) {
  const auto [entry, is_new] = folders_.try_emplace(folder);
  if (!is_new) return entry->second;
  const absl::StatusOr<std::string> text = ReadFile(folder + kFileName);
  if (!text.ok()) return entry->second;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::MaxSplits(' ', 5));
    if (words.size() != 6 || words[0].size() != kDigestDigits) continue;
    entry->second.lines[words[5]] = absl::StrCat(
        words[0], " ", words[1], " ", words[2], " ", words[3], " ", words[4]);
  }
  return entry->second;
}

absl::StatusOr<std::string> FileDigests::Of(const std::string& path,
                                            const std::string& folder,
                                            std::string* contents) {
  const std::string name = NameOf(path, folder);
  bool is_settled = false;
  const std::optional<std::string> marks = MarksOf(path, &is_settled);
  if (marks.has_value()) {
    const std::lock_guard lock(mutex_);
    const Folder& known = Read(folder);
    const auto line = known.lines.find(name);
    if (line != known.lines.end() &&
        line->second.substr(kDigestDigits + 1) == *marks) {
      return line->second.substr(0, kDigestDigits);
    }
  }
  ASSIGN_OR_RETURN(*contents, ReadFile(path));
  std::string digest = Sha256Of(*contents);
  bool is_settled_still = false;
  if (is_settled && MarksOf(path, &is_settled_still) == marks &&
      name.find('\n') == std::string::npos) {
    const std::lock_guard lock(mutex_);
    Folder& known = Read(folder);
    known.lines[name] = absl::StrCat(digest, " ", *marks);
    known.is_changed = true;
  }
  return digest;
}

void FileDigests::Save() {
  const std::lock_guard lock(mutex_);
  for (auto& [folder, known] : folders_) {
    std::error_code error;
    if (!known.is_changed || !std::filesystem::is_directory(folder, error)) {
      continue;
    }
    std::string text;
    for (const auto& [name, line] : known.lines) {
      absl::StrAppend(&text, line, " ", name, "\n");
    }
    // Without it the files are read again next time.
    WriteFileAtomically(folder + kFileName, text).status().IgnoreError();
    known.is_changed = false;
  }
}

}  // namespace atelier::trainer
