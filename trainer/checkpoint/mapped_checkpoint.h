// A checkpoint of one layout, read under the names of another.
#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer {

// A checkpoint seen in the other layout: names, shapes and contents are mapped
// on demand. Names that no row matches are left out. `source` must outlive the
// result, whose path, metadata and digest are the source's own.
//
// Errors: INVALID_ARGUMENT as above.
absl::StatusOr<std::unique_ptr<CheckpointSource>> MapCheckpoint(
    const CheckpointSource& source, const KeyMap& map,
    KeyMap::Direction direction);

}  // namespace atelier::trainer
