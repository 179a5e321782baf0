// The first directory of a TIFF file, or of the EXIF data in another image,
// which has the same form.
//
//   `II` or `MM`, 42, offset of the directory
//   count, then 12 bytes an entry: tag, type, count, value or its offset
//
// Source: TIFF 6.0, section 2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/image/image_bytes.h"

namespace atelier::trainer {

// Tags that are read here.
enum TiffTag : int {
  kTiffWidth = 256,
  kTiffHeight = 257,
  kTiffPhotometric = 262,
  kTiffStripOffsets = 273,
  kTiffOrientation = 274,
  kTiffSamplesPerPixel = 277,
  kTiffStripByteCounts = 279,
  kTiffTileOffsets = 324,
  kTiffTileByteCounts = 325,
  kTiffExtraSamples = 338,
};

class TiffDirectory {
 public:
  // `base`: where the TIFF data begins in `bytes`, which must outlive this.
  //
  // Errors: DATA_LOSS for other data and for a directory that is not whole.
  static absl::StatusOr<TiffDirectory> Read(const ImageBytes& bytes,
                                            int64_t base);

  // The first value of a tag of whole numbers; none where it is not there.
  std::optional<int64_t> Value(TiffTag tag) const;
  // All of them, at most 65536.
  std::vector<int64_t> Values(TiffTag tag) const;
  // Where in `bytes` a tag's only value of two bytes stands, low or high byte
  // first as `is_little` says.
  std::optional<int64_t> PlaceOfShort(TiffTag tag) const;
  bool is_little() const { return is_little_; }
  // Where the last of the values ends.
  int64_t end() const { return end_; }

 private:
  struct Entry {
    int type = 0;
    int64_t count = 0;
    int64_t place = 0;  // of the first value, in bytes_
  };

  TiffDirectory(const ImageBytes& bytes, bool is_little)
      : bytes_(bytes), is_little_(is_little) {}
  int64_t Number(const std::string& bytes, size_t at, int count) const;

  const ImageBytes& bytes_;
  bool is_little_;
  int64_t end_ = 0;
  std::map<int, Entry> entries_;
};

// An EXIF orientation, 1 to 8; 1 (upright) for anything else.
//
// Source: EXIF 2.3, 4.6.4: 2 mirrored, 3 turned by half, 4 mirrored top to
// bottom, 5 transposed, 6 to be turned right, 7 transposed the other way, 8 to
// be turned left.
int OrientationOf(const TiffDirectory& directory);

}  // namespace atelier::trainer
