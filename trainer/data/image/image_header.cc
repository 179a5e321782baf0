#include "trainer/data/image/image_header.h"

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/data/image/image_kinds.h"

namespace atelier::trainer {
namespace {

// Where Pillow, and so sd-scripts, takes a picture for a decompression bomb:
// twice a gigabyte of 24-bit pixels over four.
constexpr int64_t kMaxPixels = 178956970;

struct Kind {
  size_t at;  // where the mark stands
  absl::string_view mark;
  absl::StatusOr<ImageHeader> (*read)(const ImageBytes& bytes);
};

constexpr std::array<Kind, 6> kKinds = {{
    {0, "\x89PNG\r\n\x1a\n", ReadPngHeader},
    {0, "\xff\xd8\xff", ReadJpegHeader},
    {8, "WEBP", ReadWebpHeader},
    {0, "BM", ReadBmpHeader},
    {0, absl::string_view("II\x2a\0", 4), ReadTiffHeader},
    {0, absl::string_view("MM\0\x2a", 4), ReadTiffHeader},
}};

struct ForeignKind {
  size_t at;
  absl::string_view mark;
  absl::string_view name;
};

// Met in datasets under other names, and not read.
constexpr std::array<ForeignKind, 10> kForeignKinds = {{
    {0, "GIF8", "a GIF"},
    {4, "ftypavif", "an AVIF"},
    {4, "ftypavis", "an AVIF animation"},
    {4, "ftyphei", "a HEIC"},
    {4, "ftypmif1", "a HEIF"},
    {0, "\xff\x0a", "a JPEG XL"},
    {4, "JXL ", "a JPEG XL"},
    {4, "jP  ", "a JPEG 2000"},
    {0, "8BPS", "a Photoshop"},
    {0, absl::string_view("II\x2b\0", 4), "a BigTIFF"},
}};

bool HasMark(absl::string_view head, size_t at, absl::string_view mark) {
  return head.size() >= at && absl::StartsWith(head.substr(at), mark);
}

absl::StatusOr<ImageHeader> ReadByMark(const ImageBytes& bytes) {
  const absl::string_view head = bytes.head();
  for (const Kind& kind : kKinds) {
    if (HasMark(head, kind.at, kind.mark)) return kind.read(bytes);
  }
  for (const ForeignKind& kind : kForeignKinds) {
    if (!HasMark(head, kind.at, kind.mark)) continue;
    return absl::DataLossError(
        absl::StrCat("is ", kind.name,
                     " image; convert it to PNG, JPEG, WebP, BMP or TIFF"));
  }
  return absl::DataLossError("is not a PNG, JPEG, WebP, BMP or TIFF image");
}

}  // namespace

bool HasImageExtension(const std::string& path) {
  for (const absl::string_view ending : kImageEndings) {
    if (absl::EndsWith(path, ending)) return true;
  }
  return false;
}

absl::StatusOr<ImageHeader> ReadImageHeader(const ImageBytes& bytes) {
  ASSIGN_OR_RETURN(const ImageHeader header, ReadByMark(bytes));
  const ImageSize size = header.size;
  if (size.width <= 0 || size.height <= 0) {
    return absl::DataLossError(
        absl::StrCat("says that its size is ", size.width, "x", size.height));
  }
  if (int64_t{size.width} * size.height > kMaxPixels) {
    return absl::DataLossError(
        absl::StrCat("says that its size is ", size.width, "x", size.height,
                     "; at most ", kMaxPixels,
                     " pixels are read: make it smaller, or look whether it is "
                     "damaged"));
  }
  return header;
}

absl::StatusOr<ImageSize> ReadImageSize(const std::string& path) {
  ASSIGN_OR_RETURN(const ImageBytes bytes, ImageBytes::Open(path));
  ASSIGN_OR_RETURN(const ImageHeader header, ReadImageHeader(bytes));
  return header.size;
}

}  // namespace atelier::trainer
