#include "trainer/data/image/tiff_directory.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "absl/strings/match.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kMaxValues = 65536;
constexpr int kByte = 1;
constexpr int kShort = 3;
constexpr int kLong = 4;

// Bytes of a value; 0 for types that there are none of.
int TiffTypeBytes(int type) {
  constexpr std::array<int, 13> kBytes = {0, 1, 1, 2, 4, 8, 1,
                                          1, 2, 4, 8, 4, 8};
  return type >= 0 && type < std::ssize(kBytes) ? kBytes[type] : 0;
}

bool IsWholeNumber(int type) {
  return type == kByte || type == kShort || type == kLong;
}

}  // namespace

absl::StatusOr<TiffDirectory> TiffDirectory::Read(const ImageBytes& bytes,
                                                  int64_t base) {
  ASSIGN_OR_RETURN(const std::string head, bytes.ReadWhole(base, 8));
  TiffDirectory directory(bytes, absl::StartsWith(head, "II"));
  if (!directory.is_little_ && !absl::StartsWith(head, "MM")) {
    return absl::DataLossError("is a TIFF without its byte order");
  }
  const int64_t version = directory.Number(head, 2, 2);
  if (version == 43) {
    return absl::DataLossError("is a BigTIFF; save it as an ordinary TIFF");
  }
  if (version != 42) return absl::DataLossError("is a damaged TIFF");
  const int64_t start = base + directory.Number(head, 4, 4);
  ASSIGN_OR_RETURN(const std::string count, bytes.ReadWhole(start, 2));
  const int64_t entries = directory.Number(count, 0, 2);
  ASSIGN_OR_RETURN(const std::string table,
                   bytes.ReadWhole(start + 2, 12 * entries));
  for (int64_t i = 0; i < entries; ++i) {
    const auto at = static_cast<size_t>(12 * i);
    const int tag = static_cast<int>(directory.Number(table, at, 2));
    Entry entry;
    entry.type = static_cast<int>(directory.Number(table, at + 2, 2));
    entry.count = directory.Number(table, at + 4, 4);
    const int64_t length = entry.count * TiffTypeBytes(entry.type);
    const bool fits = length <= 4;
    entry.place = fits ? start + 2 + 12 * i + 8
                       : base + directory.Number(table, at + 8, 4);
    directory.entries_[tag] = entry;
    directory.end_ = std::max(directory.end_, entry.place + length);
  }
  return directory;
}

int64_t TiffDirectory::Number(const std::string& bytes, size_t at,
                              int count) const {
  int64_t value = 0;
  for (int i = 0; i < count; ++i) {
    const size_t place = at + (is_little_ ? count - 1 - i : i);
    value = value << 8 | static_cast<uint8_t>(bytes[place]);
  }
  return value;
}

std::vector<int64_t> TiffDirectory::Values(TiffTag tag) const {
  const auto found = entries_.find(tag);
  if (found == entries_.end()) return {};
  if (!IsWholeNumber(found->second.type)) return {};
  const int size = TiffTypeBytes(found->second.type);
  const int64_t count = std::min(found->second.count, kMaxValues);
  const std::string bytes = bytes_.Read(found->second.place, count * size);
  std::vector<int64_t> values;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    values.push_back(Number(bytes, at, size));
  }
  return values;
}

std::optional<int64_t> TiffDirectory::Value(TiffTag tag) const {
  const std::vector<int64_t> values = Values(tag);
  if (values.empty()) return std::nullopt;
  return values.front();
}

std::optional<int64_t> TiffDirectory::PlaceOfShort(TiffTag tag) const {
  const auto found = entries_.find(tag);
  if (found == entries_.end() || found->second.type != kShort ||
      found->second.count != 1) {
    return std::nullopt;
  }
  return found->second.place;
}

int OrientationOf(const TiffDirectory& directory) {
  const int64_t value = directory.Value(kTiffOrientation).value_or(1);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

}  // namespace atelier::trainer
