#include "proto/cc/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace atelier {
namespace {

constexpr absl::string_view kTrailUrl = "atelier.dev/location-trail";
constexpr size_t kMaxTrail = 8;

}  // namespace

absl::Status AddLocation(absl::Status status, SourceLocation location) {
  if (status.ok()) return status;
  std::string trail = LocationTrail(status);
  const size_t places =
      trail.empty()
          ? 0
          : std::vector<std::string>(absl::StrSplit(trail, " < ")).size();
  if (places >= kMaxTrail) return status;
  absl::string_view file = location.file;
  if (const size_t slash = file.rfind('/'); slash != file.npos) {
    file.remove_prefix(slash + 1);
  }
  absl::StrAppend(&trail, places == 0 ? "" : " < ", file, ":", location.line);
  status.SetPayload(kTrailUrl, absl::Cord(trail));
  return status;
}

std::string LocationTrail(const absl::Status& status) {
  const absl::optional<absl::Cord> trail = status.GetPayload(kTrailUrl);
  return trail.has_value() ? std::string(*trail) : std::string();
}

absl::Status AddContext(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status result(status.code(),
                      absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  return result;
}

}  // namespace atelier
