#include "client/sd_scripts/surroundings.h"

#include <errno.h>
#include <string.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace atelier::client::sd_scripts {
namespace {

constexpr size_t kFileLimitBytes = size_t{1} << 20;

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("file ", path, " does not exist"));
  }
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a folder"));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return absl::PermissionDeniedError(
        absl::StrCat("file ", path, " cannot be read: ", strerror(errno)));
  }
  std::string text(kFileLimitBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kFileLimitBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("file ", path, " is larger than 1 MiB"));
  }
  return text;
}

}  // namespace

Surroundings ProcessSurroundings(std::string cwd, Environment environment) {
  return {std::move(cwd), std::move(environment), ReadWhole,
          [](const std::string& path) {
            std::error_code error;
            return std::filesystem::exists(path, error);
          }};
}

std::string AbsolutePath(const Surroundings& surroundings,
                         const std::string& path) {
  return (std::filesystem::path(surroundings.cwd) / path)
      .lexically_normal()
      .string();
}

}  // namespace atelier::client::sd_scripts
