// 1. The length is checked against the file before a byte of the header is
// read.
// 2. One pass over the JSON, without building a tree: nesting deeper than the
// format's is refused
//    where it begins, doubled names where they appear.
// 3. Sizes are checked per tensor, then places over all tensors, in the order
// of their offsets.
#include "trainer/checkpoint/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/safetensors_json.h"
#include "trainer/tensor/dtype.h"

namespace atelier::trainer {
namespace {

constexpr size_t kLengthBytes = 8;
// The format's own limit.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

absl::Status HeaderError(const std::string& name, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("tensor '", name, "': ", what));
}

absl::StatusOr<int64_t> SizeInBytes(const std::string& name,
                                    const SafetensorsEntry& entry,
                                    int64_t item_bytes) {
  int64_t size = item_bytes;
  bool overflow = false;
  // A dimension of 0 makes the size 0, but the others must still be plausible.
  bool empty = false;
  for (uint64_t dimension : entry.shape) {
    empty = empty || dimension == 0;
    overflow = overflow || dimension > uint64_t{INT64_MAX};
    if (dimension != 0 && !overflow) {
      overflow =
          __builtin_mul_overflow(size, static_cast<int64_t>(dimension), &size);
    }
  }
  if (overflow) {
    return HeaderError(name,
                       absl::StrCat("shape [", absl::StrJoin(entry.shape, ", "),
                                    "] has more bytes than 2^63"));
  }
  return empty ? 0 : size;
}

absl::StatusOr<TensorInfo> CheckEntry(const std::string& name,
                                      const SafetensorsEntry& entry,
                                      uint64_t data_bytes) {
  if (!entry.has_dtype) return HeaderError(name, "dtype is missing");
  if (!entry.has_shape) return HeaderError(name, "shape is missing");
  if (!entry.has_offsets) return HeaderError(name, "data_offsets are missing");
  const auto type = FromSafetensorsDtype(entry.dtype);
  if (!type) {
    return HeaderError(
        name, absl::StrCat("dtype '", entry.dtype, "' is unknown; known are ",
                           SafetensorsDtypeNames()));
  }
  if (entry.offsets.size() != 2) {
    return HeaderError(name,
                       absl::StrCat("data_offsets have ", entry.offsets.size(),
                                    " numbers, expected 2"));
  }
  const uint64_t begin = entry.offsets[0];
  const uint64_t end = entry.offsets[1];
  if (begin > end) {
    return HeaderError(name, absl::StrCat("data_offsets [", begin, ", ", end,
                                          "] end before they begin"));
  }
  if (end > data_bytes) {
    return HeaderError(
        name, absl::StrCat("data_offsets [", begin, ", ", end,
                           "] lie beyond the file, which has ", data_bytes,
                           " bytes of data; it may be cut off"));
  }
  TensorInfo info;
  info.dtype = *type;
  ASSIGN_OR_RETURN(
      info.size_bytes,
      SizeInBytes(name, entry, static_cast<int64_t>(c10::elementSize(*type))));
  if (static_cast<uint64_t>(info.size_bytes) != end - begin) {
    return HeaderError(
        name, absl::StrCat("shape [", absl::StrJoin(entry.shape, ", "), "] of ",
                           entry.dtype, " needs ", info.size_bytes,
                           " bytes, data_offsets give ", end - begin));
  }
  info.shape.assign(entry.shape.begin(), entry.shape.end());
  return info;
}

// Tensors must fill the data without gap and overlap.
absl::Status CheckPlaces(const std::map<std::string, SafetensorsEntry>& entries,
                         uint64_t data_bytes) {
  std::vector<std::pair<const std::string*, const SafetensorsEntry*>> order;
  for (const auto& [name, entry] : entries) order.emplace_back(&name, &entry);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second->offsets < b.second->offsets;
  });
  uint64_t place = 0;
  for (const auto& [name, entry] : order) {
    if (entry->offsets[0] != place) {
      return HeaderError(
          *name,
          absl::StrCat("data begin at ", entry->offsets[0], ", expected ",
                       place, ": tensors ",
                       entry->offsets[0] < place ? "share bytes"
                                                 : "leave unused bytes"));
    }
    place = entry->offsets[1];
  }
  if (place != data_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tensors end at byte ", place, " of ", data_bytes,
                     " bytes of data; the rest belongs to no tensor"));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> FindHeader(absl::string_view file) {
  if (file.size() < kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("file has ", file.size(),
                     " bytes, fewer than the 8 of a safetensors file's length "
                     "field"));
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "header length is ", length, " bytes; at most ", kMaxHeaderBytes));
  }
  if (length > file.size() - kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "header length is ", length, " bytes, but only ",
        file.size() - kLengthBytes, " follow; the file may be cut off"));
  }
  const absl::string_view header = file.substr(kLengthBytes, length);
  if (header.empty() || header[0] != '{') {
    return absl::InvalidArgumentError(
        header.empty() ? "header is empty, expected a JSON object"
                       : "header does not begin with '{'");
  }
  return header;
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(
    absl::string_view file) {
  ASSIGN_OR_RETURN(const absl::string_view text, FindHeader(file));
  ASSIGN_OR_RETURN(SafetensorsJson json, ParseSafetensorsJson(text));
  const uint64_t data_begin = kLengthBytes + text.size();
  const uint64_t data_bytes = file.size() - data_begin;
  SafetensorsHeader header;
  header.metadata = std::move(json.metadata);
  for (const auto& [name, entry] : json.entries) {
    ASSIGN_OR_RETURN(header.tensors[name], CheckEntry(name, entry, data_bytes));
    header.begin[name] = static_cast<int64_t>(data_begin + entry.offsets[0]);
  }
  RETURN_IF_ERROR(CheckPlaces(json.entries, data_bytes));
  return header;
}

}  // namespace atelier::trainer
