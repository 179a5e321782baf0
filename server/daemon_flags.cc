#include "server/daemon_flags.h"

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

// Both spellings: the config's key has an underscore.
bool IsStateDir(const std::string& name) {
  return name == "--state-dir" || name == "--state_dir";
}

}  // namespace

absl::StatusOr<DaemonFlags> ParseDaemonFlags(int argc, char** argv) {
  DaemonFlags flags;
  flags.places.program_dir =
      std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    bool has_value = i + 1 < argc;
    if (name == "--config" && has_value)
      flags.places.file = std::filesystem::absolute(argv[++i]);
    else if (IsStateDir(name) && has_value)
      flags.places.state_dir = std::filesystem::absolute(argv[++i]);
    else if (name == "--check-config")
      flags.check_config = true;
    else if (name == "--version")
      flags.version = true;
    else
      return absl::InvalidArgumentError(
          absl::StrCat("unknown or incomplete flag: ", name));
  }
  return flags;
}

int DaemonExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return 78;
    case absl::StatusCode::kUnavailable:
      return 69;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kPermissionDenied:
      return 73;
    case absl::StatusCode::kFailedPrecondition:
      return 75;
    default:
      return 70;
  }
}

}  // namespace atelier::server
