#include "trainer/architectures/components/find_component.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "trainer/architectures/known_checkpoints.h"

namespace atelier::trainer {
namespace {

bool HasSign(const TensorIndex& index, const std::string& prefix,
             const ComponentPlace& place) {
  for (const std::string& sign : place.signs) {
    if (index.contains(prefix + sign)) return true;
  }
  return false;
}

std::optional<FoundComponent> FindIn(const CheckpointSource& source,
                                     const ComponentPlace& place) {
  for (const std::string& prefix : place.prefixes) {
    if (HasSign(source.index(), prefix, place)) {
      return FoundComponent{&source, prefix};
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<FoundComponent> FindComponent(const ModelSources& sources,
                                             const ComponentPlace& place) {
  const CheckpointSource* own = sources.Find(place.option);
  const CheckpointSource& source = own != nullptr ? *own : *sources.main;
  if (const auto found = FindIn(source, place)) return *found;
  if (own == nullptr) {
    const std::string remedy =
        place.option.empty()
            ? ""
            : absl::StrCat("; give its file as ", place.option);
    return absl::NotFoundError(
        absl::StrCat(source.path(), " comes without ", place.what, remedy));
  }
  if (HasSign(source.index(), "", place)) return FoundComponent{&source, ""};
  return absl::InvalidArgumentError(absl::StrCat(
      place.option, ": ", source.path(), " does not hold ", place.what,
      ", with tensors like `", absl::StrJoin(place.signs, "` or `"),
      "`; it seems to be ", DescribeCheckpoint(source.index())));
}

}  // namespace atelier::trainer
