// 1. The end record is the last of its signature within the 64 KiB that a
// comment may take.
// 2. Where its fields are full, the 64-bit end record before it counts.
// 3. Each entry of the central directory points to a local header; the contents
// follow that.
#include "trainer/checkpoint/torch_save/zip_archive.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kLocator64Bytes = 20;
constexpr size_t kCentralBytes = 46;
constexpr size_t kLocalBytes = 30;
constexpr size_t kMaxCommentBytes = 0xFFFF;
constexpr uint32_t kFull32 = 0xFFFFFFFF;
constexpr uint16_t kFull16 = 0xFFFF;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncryptedFlag = 1;

absl::Status ZipError(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("zip archive: ", what));
}

// Little-endian numbers at places that were checked before.
template <typename T>
T NumberAt(absl::string_view file, size_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof(value));
  return value;
}

bool Fits(absl::string_view file, uint64_t at, uint64_t size) {
  return at <= file.size() && size <= file.size() - at;
}

struct Directory {
  uint64_t begin = 0;
  uint64_t size = 0;
  uint64_t entries = 0;
  std::string comment;
};

absl::StatusOr<size_t> FindEndRecord(absl::string_view file) {
  if (file.size() < kEndBytes) return ZipError("too short; it may be cut off");
  const size_t last = file.size() - kEndBytes;
  const size_t first = last - std::min(last, kMaxCommentBytes);
  for (size_t at = last + 1; at-- > first;) {
    if (NumberAt<uint32_t>(file, at) == kEndSignature) return at;
  }
  return ZipError("no directory at its end; the file is cut off");
}

absl::StatusOr<Directory> FindDirectory(absl::string_view file) {
  ASSIGN_OR_RETURN(const size_t end, FindEndRecord(file));
  Directory directory;
  directory.entries = NumberAt<uint16_t>(file, end + 10);
  directory.size = NumberAt<uint32_t>(file, end + 12);
  directory.begin = NumberAt<uint32_t>(file, end + 16);
  directory.comment = std::string(
      file.substr(end + kEndBytes, NumberAt<uint16_t>(file, end + 20)));
  const bool is_64 = directory.entries == kFull16 ||
                     directory.size == kFull32 || directory.begin == kFull32;
  if (is_64 && end >= kLocator64Bytes &&
      NumberAt<uint32_t>(file, end - kLocator64Bytes) == kLocator64Signature) {
    const uint64_t at = NumberAt<uint64_t>(file, end - kLocator64Bytes + 8);
    if (!Fits(file, at, kEnd64Bytes) ||
        NumberAt<uint32_t>(file, at) != kEnd64Signature) {
      return ZipError("its 64-bit end record is not where it should be");
    }
    directory.entries = NumberAt<uint64_t>(file, at + 32);
    directory.size = NumberAt<uint64_t>(file, at + 40);
    directory.begin = NumberAt<uint64_t>(file, at + 48);
  }
  if (!Fits(file, directory.begin, directory.size)) {
    return ZipError("its directory lies outside the file");
  }
  return directory;
}

// What the central directory says of one entry.
struct CentralEntry {
  std::string name;
  uint64_t compressed = 0;
  uint64_t size = 0;
  uint64_t local = 0;
  uint16_t method = 0;
  uint32_t crc32 = 0;
};

// Numbers that do not fit 32 bits stand in an extra field, in this order, only
// those that are full.
absl::Status ReadExtra64(absl::string_view extra, CentralEntry& entry) {
  size_t at = 0;
  while (at + 4 <= extra.size()) {
    const auto id = NumberAt<uint16_t>(extra, at);
    const size_t size = NumberAt<uint16_t>(extra, at + 2);
    at += 4;
    if (size > extra.size() - at) break;
    absl::string_view body = extra.substr(at, size);
    at += size;
    if (id != kZip64Extra) continue;
    for (uint64_t* field : {&entry.size, &entry.compressed, &entry.local}) {
      if (*field != kFull32) continue;
      if (body.size() < sizeof(uint64_t)) {
        return ZipError(absl::StrCat("entry '", entry.name,
                                     "' has a cut off 64-bit field"));
      }
      *field = NumberAt<uint64_t>(body, 0);
      body.remove_prefix(sizeof(uint64_t));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ZipEntry> LocateContents(absl::string_view file,
                                        const CentralEntry& entry) {
  if (!Fits(file, entry.local, kLocalBytes) ||
      NumberAt<uint32_t>(file, entry.local) != kLocalSignature) {
    return ZipError(absl::StrCat("entry '", entry.name,
                                 "' is not where the directory says"));
  }
  const uint64_t begin = entry.local + kLocalBytes +
                         NumberAt<uint16_t>(file, entry.local + 26) +
                         NumberAt<uint16_t>(file, entry.local + 28);
  const bool is_stored = entry.method == 0 && entry.compressed == entry.size;
  if (!Fits(file, begin, entry.compressed)) {
    return ZipError(absl::StrCat("entry '", entry.name, "' of ",
                                 entry.compressed,
                                 " bytes lies outside the file"));
  }
  if (entry.size > std::numeric_limits<int64_t>::max()) {
    return ZipError(
        absl::StrCat("entry '", entry.name, "' claims ", entry.size, " bytes"));
  }
  return ZipEntry{.begin = static_cast<int64_t>(begin),
                  .size_bytes = static_cast<int64_t>(entry.size),
                  .packed_bytes = static_cast<int64_t>(entry.compressed),
                  .is_stored = is_stored,
                  .method = entry.method,
                  .crc32 = entry.crc32};
}

}  // namespace

absl::StatusOr<ZipDirectory> ReadZipDirectory(absl::string_view file) {
  ASSIGN_OR_RETURN(Directory directory, FindDirectory(file));
  absl::string_view rest = file.substr(directory.begin, directory.size);
  ZipDirectory found;
  found.comment = std::move(directory.comment);
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (rest.size() < kCentralBytes ||
        NumberAt<uint32_t>(rest, 0) != kCentralSignature) {
      return ZipError(absl::StrCat("directory ends after ", i, " of ",
                                   directory.entries, " entries"));
    }
    const size_t name_size = NumberAt<uint16_t>(rest, 28);
    const size_t extra_size = NumberAt<uint16_t>(rest, 30);
    const size_t comment_size = NumberAt<uint16_t>(rest, 32);
    const size_t whole = kCentralBytes + name_size + extra_size + comment_size;
    if (whole > rest.size()) return ZipError("an entry's name is cut off");
    CentralEntry entry;
    entry.name = std::string(rest.substr(kCentralBytes, name_size));
    entry.compressed = NumberAt<uint32_t>(rest, 20);
    entry.size = NumberAt<uint32_t>(rest, 24);
    entry.local = NumberAt<uint32_t>(rest, 42);
    RETURN_IF_ERROR(
        ReadExtra64(rest.substr(kCentralBytes + name_size, extra_size), entry));
    entry.method = NumberAt<uint16_t>(rest, 10);
    entry.crc32 = NumberAt<uint32_t>(rest, 16);
    if ((NumberAt<uint16_t>(rest, 8) & kEncryptedFlag) != 0) {
      return ZipError(absl::StrCat("entry '", entry.name, "' is encrypted"));
    }
    ASSIGN_OR_RETURN(const ZipEntry place, LocateContents(file, entry));
    if (!found.entries.emplace(entry.name, place).second) {
      return ZipError(absl::StrCat("entry '", entry.name, "' stands twice"));
    }
    rest.remove_prefix(whole);
  }
  return found;
}

absl::StatusOr<ZipIndex> ReadZipIndex(absl::string_view file) {
  ASSIGN_OR_RETURN(ZipDirectory directory, ReadZipDirectory(file));
  for (const auto& [name, entry] : directory.entries) {
    if (entry.is_stored) continue;
    return ZipError(absl::StrCat("entry '", name,
                                 "' is compressed; torch.save stores plainly"));
  }
  return std::move(directory.entries);
}

}  // namespace atelier::trainer
