// Loads a text encoder in OpenCLIP's names into the same module as load_clip.h.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/architectures/components/load_clip.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

struct OpenClipLoadOptions {
  std::string what;    // `the text encoder`
  std::string prefix;  // `conditioner.embedders.1.model.`
  bool wants_projection = false;
  bool keeps_types = false;  // as StateLoadOptions has it
  // Layers at the end of the source that are not run.
  int64_t unused_layers = 0;
};

// `untouched` stays empty: the caller keeps what is not in `loaded`.
//
// Errors: as LoadClip.
absl::StatusOr<LoadedClip> LoadOpenClip(const CheckpointSource& source,
                                        const OpenClipLoadOptions& options);

}  // namespace atelier::trainer
