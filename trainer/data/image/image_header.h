// The size of an image from the first bytes of its file.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "trainer/data/bucket.h"

namespace atelier::trainer {

// Whether the file's ending is one that is loaded: .png .jpg .jpeg .webp .bmp,
// all in lower or all in upper case.
bool HasImageExtension(const std::string& path);

// Width and height as stored. Also looks at the end of the file, so that a
// truncated one is found without decoding it.
//
// Errors: NOT_FOUND, PERMISSION_DENIED; DATA_LOSS for an empty or truncated
// file, or none of the known forms. The message does not name the path.
absl::StatusOr<ImageSize> ReadImageSize(const std::string& path);

}  // namespace atelier::trainer
