// Digests of files that were read before, so that they need not be read again
// while they are as they were.
//
// FOLDER/digests, a line for each file:
//   SHA256 SIZE MODIFIED CHANGED INODE NAME    times in nanoseconds
//
// A file counts as unchanged while its size, both times and its inode are the
// same. One that was written within the last two seconds is not entered: it may
// be written again without a change of its times.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"

namespace atelier::trainer {

// Threads: any.
class FileDigests {
 public:
  // Lower-case hexadecimal SHA-256 of the file at `path`, from FOLDER/digests
  // or of what is in it, which is then in `contents`; that stays empty where
  // the file was not read. Errors: as ReadFile.
  absl::StatusOr<std::string> Of(const std::string& path,
                                 const std::string& folder,
                                 std::string* contents);

  // Writes what is new. Folders that cannot be written to are left as they are.
  void Save();

 private:
  struct Folder {
    std::map<std::string, std::string> lines;  // by name, without it
    bool is_changed = false;
  };
  Folder& Read(const std::string& folder);

  std::mutex mutex_;
  std::map<std::string, Folder> folders_;
};

}  // namespace atelier::trainer
