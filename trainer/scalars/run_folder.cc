#include "trainer/scalars/run_folder.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

std::string RecordPath(const std::string& output_dir) {
  return absl::StrCat(output_dir, "/.atelier/scalars.json");
}

absl::Status CannotMake(const std::string& folder,
                        const std::error_code& error) {
  return absl::PermissionDeniedError(
      absl::StrCat("cannot make the folder for scalars ", folder, ": ",
                   error.message(), "; choose another logging_dir"));
}

}  // namespace

absl::StatusOr<std::string> MakeRunFolder(const std::string& logging_dir,
                                          const std::string& prefix,
                                          const std::string& output_dir,
                                          absl::Time now) {
  std::error_code error;
  fs::create_directories(logging_dir, error);
  if (error) return CannotMake(logging_dir, error);
  const std::string name =
      absl::StrCat(logging_dir, "/", prefix,
                   absl::FormatTime("%Y%m%d%H%M%S", now, absl::UTCTimeZone()));
  std::string folder = name;
  // False without an error: the folder is there already.
  for (int i = 2; !fs::create_directory(folder, error); ++i) {
    if (error) return CannotMake(folder, error);
    folder = absl::StrCat(name, "-", i);
  }
  fs::create_directories(absl::StrCat(output_dir, "/.atelier"), error);
  std::ofstream record(RecordPath(output_dir), std::ios::trunc);
  record << nlohmann::json{{"folder", folder}}.dump() << "\n";
  return folder;
}

std::optional<std::string> FindRunFolder(const std::string& logging_dir,
                                         const std::string& output_dir) {
  std::ifstream record(RecordPath(output_dir));
  if (!record) return std::nullopt;
  const nlohmann::json json =
      nlohmann::json::parse(record, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("folder") ||
      !json["folder"].is_string()) {
    return std::nullopt;
  }
  const std::string folder = json["folder"].get<std::string>();
  std::error_code error;
  const bool is_there =
      fs::is_directory(folder, error) &&
      fs::equivalent(fs::path(folder).parent_path(), logging_dir, error);
  if (!is_there || error) return std::nullopt;
  return folder;
}

}  // namespace atelier::trainer
