// The files that rows of the tables name with `@`.
#pragma once

#include <string>

namespace atelier::trainer::testing {

// In `folder`:
//   data/1_thing   five pictures; captions .caption, .txt (tags, wildcards) and
//                  .weighted
//   reg/1_thing    two pictures
//   rgba/1_thing   five pictures whose upper half is transparent
//   masks, masks2  masks of the pictures in data, white above or below
//   faces/1_thing  five pictures of 96x96 named for a face
//   turned/1_thing five JPEGs that EXIF turns by a quarter
//   set.toml, meta.json, prompts.txt
void WriteEffectInputs(const std::string& folder);

}  // namespace atelier::trainer::testing
