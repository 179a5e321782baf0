// Sizes in the directory are claims: what is stored is bounded by the file, and
// what is packed by the most that deflate can pack (1032 to 1) and by
// kMostArrayBytes, before anything is allocated.
#include "trainer/data/npz/npz_file.h"

#include <zlib.h>

#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/npz/npy.h"

namespace atelier::trainer {
namespace {

constexpr uint16_t kDeflate = 8;
constexpr int64_t kMostPacking = 1032;

constexpr uint32_t kLocalMark = 0x04034b50;
constexpr uint32_t kCentralMark = 0x02014b50;
constexpr uint32_t kEndMark = 0x06054b50;
constexpr uint16_t kVersion45 = 45;  // 64-bit sizes
constexpr uint16_t kMadeByUnix = 3 << 8;
constexpr uint16_t kFirstDay = 0x21;  // 1 January 1980
constexpr uint32_t kOwnerMayWrite = 0600u << 16;
constexpr uint32_t kIn64Bits = 0xFFFFFFFF;

uint32_t Checksum(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0),
              reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

class RawInflater {
 public:
  RawInflater() { is_ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~RawInflater() {
    if (is_ready_) inflateEnd(&stream_);
  }
  RawInflater(const RawInflater&) = delete;
  RawInflater& operator=(const RawInflater&) = delete;

  // Whether `packed` is exactly what fills `unpacked`.
  bool Run(absl::string_view packed, std::string& unpacked) {
    if (!is_ready_) return false;
    stream_.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    stream_.next_out = reinterpret_cast<Bytef*>(unpacked.data());
    stream_.avail_out = static_cast<uInt>(unpacked.size());
    return inflate(&stream_, Z_FINISH) == Z_STREAM_END &&
           stream_.avail_out == 0;
  }

 private:
  z_stream stream_{};
  bool is_ready_ = false;
};

template <typename T>
void Put(T value, std::string& bytes) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  }
}

struct WrittenEntry {
  std::string name;
  uint32_t crc = 0;
  uint32_t size = 0;
  uint32_t at = 0;
};

// What local header and directory share: method, time, date, checksum.
void PutCommon(const WrittenEntry& entry, std::string& bytes) {
  Put<uint16_t>(kVersion45, bytes);
  Put<uint16_t>(0, bytes);  // flags
  Put<uint16_t>(0, bytes);  // stored
  Put<uint16_t>(0, bytes);  // midnight
  Put<uint16_t>(kFirstDay, bytes);
  Put<uint32_t>(entry.crc, bytes);
}

std::string LocalHeader(const WrittenEntry& entry) {
  std::string bytes;
  Put<uint32_t>(kLocalMark, bytes);
  PutCommon(entry, bytes);
  Put<uint32_t>(kIn64Bits, bytes);
  Put<uint32_t>(kIn64Bits, bytes);
  Put<uint16_t>(static_cast<uint16_t>(entry.name.size()), bytes);
  Put<uint16_t>(20, bytes);  // bytes of the extra field
  bytes += entry.name;
  Put<uint16_t>(1, bytes);  // 64-bit sizes
  Put<uint16_t>(16, bytes);
  Put<uint64_t>(entry.size, bytes);
  Put<uint64_t>(entry.size, bytes);
  return bytes;
}

std::string CentralHeader(const WrittenEntry& entry) {
  std::string bytes;
  Put<uint32_t>(kCentralMark, bytes);
  Put<uint16_t>(kMadeByUnix | kVersion45, bytes);
  PutCommon(entry, bytes);
  Put<uint32_t>(entry.size, bytes);
  Put<uint32_t>(entry.size, bytes);
  Put<uint16_t>(static_cast<uint16_t>(entry.name.size()), bytes);
  Put<uint16_t>(0, bytes);  // extra field
  Put<uint16_t>(0, bytes);  // comment
  Put<uint16_t>(0, bytes);  // disk
  Put<uint16_t>(0, bytes);  // internal attributes
  Put<uint32_t>(kOwnerMayWrite, bytes);
  Put<uint32_t>(entry.at, bytes);
  bytes += entry.name;
  return bytes;
}

std::string EndRecord(size_t entries, uint64_t begin, uint64_t size,
                      absl::string_view comment) {
  std::string bytes;
  Put<uint32_t>(kEndMark, bytes);
  Put<uint32_t>(0, bytes);  // disks
  Put<uint16_t>(static_cast<uint16_t>(entries), bytes);
  Put<uint16_t>(static_cast<uint16_t>(entries), bytes);
  Put<uint32_t>(static_cast<uint32_t>(size), bytes);
  Put<uint32_t>(static_cast<uint32_t>(begin), bytes);
  Put<uint16_t>(static_cast<uint16_t>(comment.size()), bytes);
  absl::StrAppend(&bytes, comment);
  return bytes;
}

absl::Status CheckFormatLimits(
    const std::string& path, const std::map<std::string, std::string>& entries,
    absl::string_view comment) {
  constexpr size_t kMost16 = std::numeric_limits<uint16_t>::max();
  uint64_t bytes = 0;
  bool fits = entries.size() < kMost16 && comment.size() <= kMost16;
  for (const auto& [name, contents] : entries) {
    bytes += 2 * name.size() + contents.size() + 128;
    fits = fits && name.size() <= kMost16;
  }
  if (fits && bytes < kIn64Bits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": an npz file of ", entries.size(), " arrays and ", bytes,
      " bytes is not written; at most 4 GiB and 65534 arrays are"));
}

}  // namespace

absl::StatusOr<NpzFile> NpzFile::Open(const std::string& path) {
  NpzFile file;
  file.path_ = path;
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > kMostNpzBytes) {
    return absl::DataLossError(absl::StrCat(
        path, ": ", size, " bytes are more than a file of arrays may have"));
  }
  ASSIGN_OR_RETURN(file.bytes_, ReadFile(path));
  absl::StatusOr<ZipDirectory> directory = ReadZipDirectory(file.bytes_);
  if (!directory.ok()) {
    return absl::DataLossError(
        absl::StrCat(path, ": ", directory.status().message()));
  }
  file.directory_ = *std::move(directory);
  return file;
}

std::string NpzEntryName(absl::string_view array) {
  return absl::StrCat(array, ".npy");
}

bool NpzFile::Has(absl::string_view name) const {
  return directory_.entries.contains(NpzEntryName(name));
}

std::vector<std::string> NpzFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : directory_.entries) names.push_back(name);
  return names;
}

absl::StatusOr<std::string> NpzFile::Unpack(const std::string& entry) const {
  const ZipEntry& place = directory_.entries.at(entry);
  const auto fail = [&](absl::string_view what) {
    return absl::DataLossError(absl::StrCat(path_, ": ", entry, ": ", what));
  };
  const absl::string_view packed =
      absl::string_view(bytes_).substr(place.begin, place.packed_bytes);
  std::string contents;
  if (place.is_stored) {
    contents = std::string(packed);
  } else if (place.method != kDeflate) {
    return fail(absl::StrCat("is packed by method ", place.method,
                             "; numpy stores or deflates"));
  } else if (place.size_bytes > kMostArrayBytes ||
             place.packed_bytes > kMostArrayBytes ||
             place.size_bytes > kMostPacking * (place.packed_bytes + 1)) {
    return fail(absl::StrCat("claims to be ", place.size_bytes,
                             " bytes, packed into ", place.packed_bytes));
  } else {
    contents.resize(place.size_bytes);
    if (!RawInflater().Run(packed, contents)) return fail("does not unpack");
  }
  if (Checksum(contents) != place.crc32) {
    return fail("its bytes do not have the checksum of its directory");
  }
  return contents;
}

absl::StatusOr<Tensor> NpzFile::Read(absl::string_view name) const {
  const std::string entry = NpzEntryName(name);
  if (!directory_.entries.contains(entry)) {
    return absl::NotFoundError(absl::StrCat(path_, ": has no array ", name));
  }
  ASSIGN_OR_RETURN(const std::string bytes, Unpack(entry));
  absl::StatusOr<Tensor> tensor = ParseNpy(bytes);
  if (!tensor.ok()) {
    return absl::DataLossError(
        absl::StrCat(path_, ": ", entry, ": ", tensor.status().message()));
  }
  return tensor;
}

absl::StatusOr<std::map<std::string, std::string>> NpzFile::Entries() const {
  std::map<std::string, std::string> entries;
  int64_t left = kMostNpzBytes;
  for (const auto& [name, place] : directory_.entries) {
    // Entries may overlap, so that many can claim the bytes of one.
    if (place.size_bytes > left) {
      return absl::DataLossError(absl::StrCat(
          path_, ": its entries claim more than ", kMostNpzBytes, " bytes"));
    }
    left -= place.size_bytes;
    ASSIGN_OR_RETURN(entries[name], Unpack(name));
  }
  return entries;
}

absl::Status WriteNpz(const std::string& path,
                      const std::map<std::string, std::string>& entries,
                      absl::string_view comment) {
  RETURN_IF_ERROR(CheckFormatLimits(path, entries, comment));
  ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  std::string directory;
  uint64_t at = 0;
  for (const auto& [name, contents] : entries) {
    const WrittenEntry entry = {name, Checksum(contents),
                                static_cast<uint32_t>(contents.size()),
                                static_cast<uint32_t>(at)};
    const std::string header = LocalHeader(entry);
    RETURN_IF_ERROR(file.Write(header));
    RETURN_IF_ERROR(file.Write(contents));
    directory += CentralHeader(entry);
    at += header.size() + contents.size();
  }
  RETURN_IF_ERROR(file.Write(directory));
  RETURN_IF_ERROR(
      file.Write(EndRecord(entries.size(), at, directory.size(), comment)));
  return file.Commit().status();
}

}  // namespace atelier::trainer
