#include "trainer/data/image/image_kinds.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/data/image/tiff_directory.h"

namespace atelier::trainer {
namespace {

uint32_t BigNumber(const std::string& bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  }
  return value;
}

uint32_t LittleNumber(const std::string& bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  }
  return value;
}

bool HasTextAt(const std::string& bytes, size_t at, absl::string_view text) {
  return bytes.size() >= at && absl::StartsWith(bytes.substr(at), text);
}

// Of EXIF data at `at`; 1 where it cannot be read: it is not needed to see the
// picture.
int ExifOrientation(const ImageBytes& bytes, int64_t at) {
  const auto directory = TiffDirectory::Read(bytes, at);
  return directory.ok() ? OrientationOf(*directory) : 1;
}

// Whether an end-of-image marker comes after the first scan at `scan`.
bool HasJpegEnd(const ImageBytes& bytes, int64_t scan) {
  constexpr int64_t kBlock = 1 << 16;
  if (bytes.Read(bytes.size() - 2, 2) == "\xff\xd9") return true;
  for (int64_t at = scan; at < bytes.size(); at += kBlock) {
    if (absl::StrContains(bytes.Read(at, kBlock + 1), "\xff\xd9")) return true;
  }
  return false;
}

bool IsJpegFrame(uint8_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
         marker != 0xcc;
}

}  // namespace

// PNG: signature, then chunks of (length, name, data, checksum), the first
// IHDR, the last IEND. tRNS and eXIf stand before IDAT.
absl::StatusOr<ImageHeader> ReadPngHeader(const ImageBytes& bytes) {
  ASSIGN_OR_RETURN(const std::string head, bytes.ReadWhole(0, 26));
  if (!HasTextAt(head, 12, "IHDR")) {
    return absl::DataLossError("is a PNG without its IHDR chunk");
  }
  ImageHeader header;
  header.size = {static_cast<int>(BigNumber(head, 16, 4)),
                 static_cast<int>(BigNumber(head, 20, 4))};
  constexpr uint8_t kAlphaBit = 4;
  header.has_alpha = (static_cast<uint8_t>(head[25]) & kAlphaBit) != 0;
  const bool ends_well =
      HasTextAt(bytes.Read(bytes.size() - 12, 12), 4, "IEND");
  for (int64_t at = 8;;) {
    ASSIGN_OR_RETURN(const std::string chunk, bytes.ReadWhole(at, 8));
    if (HasTextAt(chunk, 4, "tRNS")) header.has_alpha = true;
    if (HasTextAt(chunk, 4, "eXIf")) {
      header.orientation = ExifOrientation(bytes, at + 8);
    }
    if (HasTextAt(chunk, 4, "IDAT") && ends_well) return header;
    at += 12 + int64_t{BigNumber(chunk, 0, 4)};
    if (at > bytes.size()) return TruncatedImage();
    if (HasTextAt(chunk, 4, "IEND")) return header;
  }
}

// JPEG: segments of (0xff, marker, length, data); a frame header (SOF) holds
// the size; APP1 may hold EXIF data; after SOS comes the scan.
absl::StatusOr<ImageHeader> ReadJpegHeader(const ImageBytes& bytes) {
  ImageHeader header;
  for (int64_t at = 2;;) {
    ASSIGN_OR_RETURN(const std::string segment, bytes.ReadWhole(at, 4));
    if (segment[0] != '\xff') {
      return absl::DataLossError(
          absl::StrCat("is a JPEG with no marker at byte ", at));
    }
    const auto marker = static_cast<uint8_t>(segment[1]);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xd9) return TruncatedImage();
    if (marker == 0xda) {
      if (header.size.width == 0) {
        return absl::DataLossError("is a JPEG without a frame header");
      }
      if (!HasJpegEnd(bytes, at)) return TruncatedImage();
      return header;
    }
    if (IsJpegFrame(marker)) {
      ASSIGN_OR_RETURN(const std::string frame, bytes.ReadWhole(at + 4, 5));
      header.size = {static_cast<int>(BigNumber(frame, 3, 2)),
                     static_cast<int>(BigNumber(frame, 1, 2))};
    }
    if (marker == 0xe1 && absl::StartsWith(bytes.Read(at + 4, 6), "Exif")) {
      header.orientation = ExifOrientation(bytes, at + 10);
    }
    const bool has_no_data =
        marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
    at += 2 + (has_no_data ? 0 : BigNumber(segment, 2, 2));
  }
}

namespace {

// Writers that leave out what the last sample is mean alpha.
bool HasTiffAlpha(const TiffDirectory& directory) {
  constexpr int64_t kUnspecified = 0;
  const std::optional<int64_t> extra = directory.Value(kTiffExtraSamples);
  if (extra.has_value()) return *extra != kUnspecified;
  constexpr int64_t kRgb = 2;
  const int64_t samples = directory.Value(kTiffSamplesPerPixel).value_or(1);
  const int64_t colours = directory.Value(kTiffPhotometric).value_or(kRgb);
  return colours == kRgb ? samples == 4 : colours < kRgb && samples == 2;
}

// Looks for the EXIF chunk of an extended WebP, which stands behind the
// picture.
int WebpOrientation(const ImageBytes& bytes) {
  for (int64_t at = 12;;) {
    const std::string chunk = bytes.Read(at, 8);
    if (chunk.size() < 8) return 1;
    if (HasTextAt(chunk, 0, "EXIF")) {
      // Some writers put JPEG's mark before the data.
      const bool is_marked = bytes.Read(at + 8, 4) == "Exif";
      return ExifOrientation(bytes, at + 8 + (is_marked ? 6 : 0));
    }
    const int64_t length = LittleNumber(chunk, 4, 4);
    at += 8 + length + length % 2;
  }
}

}  // namespace

// WebP: RIFF size WEBP, then a VP8 (lossy), VP8L (lossless) or VP8X (extended)
// chunk.
absl::StatusOr<ImageHeader> ReadWebpHeader(const ImageBytes& bytes) {
  ASSIGN_OR_RETURN(const std::string head, bytes.ReadWhole(0, 30));
  if (int64_t{LittleNumber(head, 4, 4)} + 8 > bytes.size()) {
    return TruncatedImage();
  }
  const auto number = [&](size_t at, int count) {
    return static_cast<int>(LittleNumber(head, at, count));
  };
  ImageHeader header;
  if (HasTextAt(head, 12, "VP8X")) {
    constexpr int kAnimation = 0x02;
    constexpr int kExif = 0x08;
    constexpr int kAlpha = 0x10;
    const int flags = number(20, 1);
    if ((flags & kAnimation) != 0) {
      return absl::DataLossError("is an animation; one picture is expected");
    }
    header.size = {number(24, 3) + 1, number(27, 3) + 1};
    header.has_alpha = (flags & kAlpha) != 0;
    if ((flags & kExif) != 0) header.orientation = WebpOrientation(bytes);
    return header;
  }
  if (HasTextAt(head, 12, "VP8L")) {
    const uint32_t bits = LittleNumber(head, 21, 4);
    header.size = {static_cast<int>(bits & 0x3fff) + 1,
                   static_cast<int>((bits >> 14) & 0x3fff) + 1};
    header.has_alpha = ((bits >> 28) & 1) != 0;
    return header;
  }
  if (HasTextAt(head, 12, "VP8 ")) {
    header.size = {number(26, 2) & 0x3fff, number(28, 2) & 0x3fff};
    return header;
  }
  return absl::DataLossError("is a WebP of an unknown kind");
}

// BMP: 14 bytes of file header, then one of two kinds of bitmap header.
absl::StatusOr<ImageHeader> ReadBmpHeader(const ImageBytes& bytes) {
  ASSIGN_OR_RETURN(const std::string head, bytes.ReadWhole(0, 34));
  const auto number = [&](size_t at, int count) {
    return static_cast<int32_t>(LittleNumber(head, at, count));
  };
  ImageHeader header;
  if (number(14, 4) == 12) {
    header.size = {number(18, 2), number(20, 2)};
    return header;
  }
  const int64_t rows = std::abs(int64_t{number(22, 4)});
  const int64_t columns = number(18, 4);
  const int64_t row_bytes = (columns * number(28, 2) + 31) / 32 * 4;
  const bool is_compressed = number(30, 4) == 1 || number(30, 4) == 2;
  const bool is_sane = columns > 0 && columns <= INT16_MAX && rows <= INT16_MAX;
  if (is_sane && !is_compressed &&
      number(10, 4) + row_bytes * rows > bytes.size()) {
    return TruncatedImage();
  }
  header.size = {static_cast<int>(columns),
                 static_cast<int>(std::min<int64_t>(rows, INT32_MAX))};
  return header;
}

absl::StatusOr<ImageHeader> ReadTiffHeader(const ImageBytes& bytes) {
  ASSIGN_OR_RETURN(const TiffDirectory directory,
                   TiffDirectory::Read(bytes, 0));
  const auto side = [&](TiffTag tag) {
    return static_cast<int>(
        std::min<int64_t>(directory.Value(tag).value_or(0), INT32_MAX));
  };
  ImageHeader header;
  header.size = {side(kTiffWidth), side(kTiffHeight)};
  header.orientation = OrientationOf(directory);
  header.has_alpha = HasTiffAlpha(directory);
  if (directory.end() > bytes.size()) return TruncatedImage();
  const bool has_tiles = directory.Value(kTiffTileOffsets).has_value();
  const std::vector<int64_t> offsets =
      directory.Values(has_tiles ? kTiffTileOffsets : kTiffStripOffsets);
  const std::vector<int64_t> counts =
      directory.Values(has_tiles ? kTiffTileByteCounts : kTiffStripByteCounts);
  if (offsets.empty()) return absl::DataLossError("is a TIFF without pixels");
  for (size_t i = 0; i < std::min(offsets.size(), counts.size()); ++i) {
    if (offsets[i] + counts[i] > bytes.size()) return TruncatedImage();
  }
  return header;
}

}  // namespace atelier::trainer
