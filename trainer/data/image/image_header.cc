#include "trainer/data/image/image_header.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

// OpenCV decodes no more than this.
constexpr int64_t kMaxPixels = int64_t{1} << 30;

using Bytes = std::vector<uint8_t>;

absl::Status Truncated() {
  return absl::DataLossError("is truncated: its end is missing");
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// A file of known size, read at any place.
class ImageFile {
 public:
  static absl::StatusOr<ImageFile> Open(const std::string& path) {
    ImageFile file;
    file.file_.reset(std::fopen(path.c_str(), "rbe"));
    if (file.file_ == nullptr) {
      return absl::ErrnoToStatus(errno, "cannot be opened");
    }
    if (std::fseek(file.file_.get(), 0, SEEK_END) != 0) {
      return absl::ErrnoToStatus(errno, "cannot be read");
    }
    file.size_ = std::ftell(file.file_.get());
    if (file.size_ <= 0) return absl::DataLossError("is empty");
    return file;
  }

  int64_t size() const { return size_; }

  // The bytes at `at`; fewer at the end of the file.
  Bytes Read(int64_t at, int64_t count) const {
    Bytes bytes(static_cast<size_t>(count));
    if (std::fseek(file_.get(), at, SEEK_SET) != 0) return {};
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file_.get()));
    return bytes;
  }

  // All of them, or DATA_LOSS.
  absl::StatusOr<Bytes> ReadWhole(int64_t at, int64_t count) const {
    Bytes bytes = Read(at, count);
    if (static_cast<int64_t>(bytes.size()) < count) return Truncated();
    return bytes;
  }

 private:
  std::unique_ptr<std::FILE, CloseFile> file_;
  int64_t size_ = 0;
};

int32_t Big(const Bytes& bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[at + i];
  return static_cast<int32_t>(value);
}

int32_t Little(const Bytes& bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | bytes[at + i];
  return static_cast<int32_t>(value);
}

bool Has(const Bytes& bytes, size_t at, absl::string_view text) {
  return bytes.size() >= at + text.size() &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// PNG: signature, then chunks of (length, name, data, checksum), the first
// IHDR, the last IEND.
absl::StatusOr<ImageSize> ReadPng(const ImageFile& file) {
  ASSIGN_OR_RETURN(const Bytes head, file.ReadWhole(0, 24));
  if (!Has(head, 12, "IHDR")) {
    return absl::DataLossError("is a PNG without its IHDR chunk");
  }
  const ImageSize size = {Big(head, 16, 4), Big(head, 20, 4)};
  if (file.size() > 12 && Has(file.Read(file.size() - 12, 12), 4, "IEND")) {
    return size;
  }
  for (int64_t at = 8;;) {
    ASSIGN_OR_RETURN(const Bytes chunk, file.ReadWhole(at, 8));
    at += 12 + int64_t{static_cast<uint32_t>(Big(chunk, 0, 4))};
    if (at > file.size()) return Truncated();
    if (Has(chunk, 4, "IEND")) return size;
  }
}

// Whether an end-of-image marker comes after the first scan at `scan`.
bool HasJpegEnd(const ImageFile& file, int64_t scan) {
  constexpr int64_t kBlock = 1 << 16;
  if (Has(file.Read(file.size() - 2, 2), 0, "\xff\xd9")) return true;
  for (int64_t at = scan; at < file.size(); at += kBlock) {
    const Bytes block = file.Read(at, kBlock + 1);
    const absl::string_view text(reinterpret_cast<const char*>(block.data()),
                                 block.size());
    if (absl::StrContains(text, "\xff\xd9")) return true;
  }
  return false;
}

// JPEG: segments of (0xff, marker, length, data); a frame header (SOF) holds
// the size; after SOS comes the scan.
absl::StatusOr<ImageSize> ReadJpeg(const ImageFile& file) {
  ImageSize size;
  for (int64_t at = 2;;) {
    ASSIGN_OR_RETURN(const Bytes segment, file.ReadWhole(at, 4));
    if (segment[0] != 0xff) {
      return absl::DataLossError(
          absl::StrCat("is a JPEG with no marker at byte ", at));
    }
    const uint8_t marker = segment[1];
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xd9) return Truncated();
    if (marker == 0xda) {
      if (size.width == 0) {
        return absl::DataLossError("is a JPEG without a frame header");
      }
      if (!HasJpegEnd(file, at)) return Truncated();
      return size;
    }
    const bool is_frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 &&
                          marker != 0xc8 && marker != 0xcc;
    if (is_frame) {
      ASSIGN_OR_RETURN(const Bytes frame, file.ReadWhole(at + 4, 5));
      size = {Big(frame, 3, 2), Big(frame, 1, 2)};
    }
    const bool has_no_data =
        marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
    at += 2 + (has_no_data ? 0 : Big(segment, 2, 2));
  }
}

// WebP: RIFF size WEBP, then a VP8 (lossy), VP8L (lossless) or VP8X (extended)
// chunk.
absl::StatusOr<ImageSize> ReadWebp(const ImageFile& file) {
  ASSIGN_OR_RETURN(const Bytes head, file.ReadWhole(0, 30));
  const int64_t riff = static_cast<uint32_t>(Little(head, 4, 4));
  if (riff + 8 > file.size()) return Truncated();
  if (Has(head, 12, "VP8X")) {
    if ((head[20] & 0x02) != 0) {
      return absl::DataLossError("is an animation; one picture is expected");
    }
    return ImageSize{Little(head, 24, 3) + 1, Little(head, 27, 3) + 1};
  }
  if (Has(head, 12, "VP8L")) {
    const int32_t bits = Little(head, 21, 4);
    return ImageSize{(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1};
  }
  if (Has(head, 12, "VP8 ")) {
    return ImageSize{Little(head, 26, 2) & 0x3fff,
                     Little(head, 28, 2) & 0x3fff};
  }
  return absl::DataLossError("is a WebP of an unknown kind");
}

// BMP: 14 bytes of file header, then one of two kinds of bitmap header.
absl::StatusOr<ImageSize> ReadBmp(const ImageFile& file) {
  ASSIGN_OR_RETURN(const Bytes head, file.ReadWhole(0, 34));
  if (Little(head, 14, 4) == 12) {
    return ImageSize{Little(head, 18, 2), Little(head, 20, 2)};
  }
  const int64_t rows = std::abs(int64_t{Little(head, 22, 4)});
  const int64_t columns = Little(head, 18, 4);
  const int64_t row_bytes = (columns * Little(head, 28, 2) + 31) / 32 * 4;
  const bool is_compressed =
      Little(head, 30, 4) == 1 || Little(head, 30, 4) == 2;
  if (columns > 0 && rows * columns <= kMaxPixels && !is_compressed &&
      Little(head, 10, 4) + row_bytes * rows > file.size()) {
    return Truncated();
  }
  return ImageSize{static_cast<int>(columns),
                   static_cast<int>(std::min<int64_t>(rows, INT32_MAX))};
}

absl::StatusOr<ImageSize> ReadAny(const ImageFile& file) {
  const Bytes head = file.Read(0, 16);
  if (Has(head, 0, "\x89PNG\r\n\x1a\n")) return ReadPng(file);
  if (Has(head, 0, "\xff\xd8\xff")) return ReadJpeg(file);
  if (Has(head, 0, "RIFF") && Has(head, 8, "WEBP")) return ReadWebp(file);
  if (Has(head, 0, "BM")) return ReadBmp(file);
  return absl::DataLossError("is not a PNG, JPEG, WebP or BMP image");
}

}  // namespace

bool HasImageExtension(const std::string& path) {
  constexpr std::array<absl::string_view, 10> kExtensions = {
      ".png", ".jpg", ".jpeg", ".webp", ".bmp",
      ".PNG", ".JPG", ".JPEG", ".WEBP", ".BMP"};
  for (absl::string_view extension : kExtensions) {
    if (absl::EndsWith(path, extension)) return true;
  }
  return false;
}

absl::StatusOr<ImageSize> ReadImageSize(const std::string& path) {
  ASSIGN_OR_RETURN(const ImageFile file, ImageFile::Open(path));
  ASSIGN_OR_RETURN(const ImageSize size, ReadAny(file));
  if (size.width <= 0 || size.height <= 0) {
    return absl::DataLossError(
        absl::StrCat("says that its size is ", size.width, "x", size.height));
  }
  if (int64_t{size.width} * size.height > kMaxPixels) {
    return absl::DataLossError(
        absl::StrCat("says that its size is ", size.width, "x", size.height,
                     "; at most ", kMaxPixels, " pixels are read"));
  }
  return size;
}

}  // namespace atelier::trainer
