// The entries of a zip archive as torch.save writes it: stored, not compressed,
// 64-bit sizes.
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
};

using ZipIndex = std::map<std::string, ZipEntry>;

// Reads the directory at the end of `file`. Checksums of contents are not
// verified.
//
// Errors: INVALID_ARGUMENT for a missing end record (a file that is cut off),
// entries that lie outside the file, are compressed, encrypted or named twice.
absl::StatusOr<ZipIndex> ReadZipIndex(absl::string_view file);

}  // namespace atelier::trainer
