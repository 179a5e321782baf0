// The entries of a zip archive, with 64-bit sizes where they are needed.
//
// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.14
// to 4.3.16.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::trainer {

struct ZipEntry {
  int64_t begin = 0;  // of the contents, in the file
  int64_t size_bytes = 0;
  // As they lie in the file; size_bytes where they are stored.
  int64_t packed_bytes = 0;
  bool is_stored = true;  // else compressed by `method`
  uint16_t method = 0;
  uint32_t crc32 = 0;  // of the contents; not verified here
};

using ZipIndex = std::map<std::string, ZipEntry>;

struct ZipDirectory {
  ZipIndex entries;
  std::string comment;  // of the archive
};

// Reads the directory at the end of `file`. Checksums of contents are not
// verified, and sizes before packing are as the archive claims.
//
// Errors: INVALID_ARGUMENT for a missing end record (a file that is cut off),
// entries that lie outside the file, are encrypted or named twice.
absl::StatusOr<ZipDirectory> ReadZipDirectory(absl::string_view file);

// The entries of an archive that torch.save wrote, which packs none.
//
// Errors: INVALID_ARGUMENT for a missing end record (a file that is cut off),
// entries that lie outside the file, are compressed, encrypted or named twice.
absl::StatusOr<ZipIndex> ReadZipIndex(absl::string_view file);

}  // namespace atelier::trainer
