#include "trainer/checkpoint/json_file.h"

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/mapped_file.h"

namespace atelier::trainer {
namespace {

// The index of the largest published models has about a tenth of a megabyte.
constexpr size_t kMaxJsonBytes = 16 << 20;

}  // namespace

absl::StatusOr<nlohmann::json> ReadJsonObject(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  const absl::string_view text = file->bytes();
  if (text.size() > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", text.size(), " bytes; at most ",
                     kMaxJsonBytes, " are plausible"));
  }
  nlohmann::json value =
      nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!value.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, value.is_discarded() ? " is not valid JSON; it may be cut off"
                                   : " is not a JSON object"));
  }
  return value;
}

}  // namespace atelier::trainer
