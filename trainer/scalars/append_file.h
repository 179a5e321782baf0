// A file that only grows, but for being cut back to a place where it stood.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::trainer {

class AppendFile {
 public:
  // Goes on behind what is there. Errors: as the system has them, naming the
  // path.
  static absl::StatusOr<AppendFile> Open(const std::string& path);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&&) = delete;
  ~AppendFile();

  bool is_new() const { return is_new_; }

  // The bytes are with the system when this returns.
  absl::Status Append(absl::string_view bytes);

  // Keeps the whole lines before the first that `keeps` refuses.
  absl::Status KeepLines(const std::function<bool(absl::string_view)>& keeps);

 private:
  AppendFile(std::string path, int fd, bool is_new)
      : path_(std::move(path)), fd_(fd), is_new_(is_new) {}
  absl::Status Failed(absl::string_view what) const;

  std::string path_;
  int fd_;
  bool is_new_;
};

}  // namespace atelier::trainer
