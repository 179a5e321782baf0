// What the first bytes of an image file say about it.
#pragma once

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/data/bucket.h"
#include "trainer/data/image/image_bytes.h"

namespace atelier::trainer {

// The endings that are loaded. Deviation: sd-scripts takes no .tif and .tiff,
// and .avif and .jxl where Pillow has plug-ins for them.
inline constexpr std::array<absl::string_view, 14> kImageEndings = {
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff",
    ".PNG", ".JPG", ".JPEG", ".WEBP", ".BMP", ".TIF", ".TIFF"};
// In words for messages.
inline constexpr char kImageExtensions[] =
    ".png .jpg .jpeg .webp .bmp .tif .tiff";

// Whether the file's name ends so.
bool HasImageExtension(const std::string& path);

struct ImageHeader {
  ImageSize size;       // as stored
  int orientation = 1;  // EXIF's, 1 to 8; 1: upright, or not said
  bool has_alpha = false;

  // The size after turning it upright.
  ImageSize upright_size() const {
    return orientation >= 5 ? ImageSize{size.height, size.width} : size;
  }
};

// Goes by the contents, whatever the file is called. Also looks at the end, so
// that a truncated file is found without decoding it.
//
// Errors: DATA_LOSS for a truncated file, for none of the known forms, for an
// animation, and for more pixels than are read. The message does not name the
// path.
absl::StatusOr<ImageHeader> ReadImageHeader(const ImageBytes& bytes);

// The size alone, as stored. Errors: as ImageBytes::Open and ReadImageHeader.
absl::StatusOr<ImageSize> ReadImageSize(const std::string& path);

}  // namespace atelier::trainer
