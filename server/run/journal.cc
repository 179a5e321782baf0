#include "server/run/journal.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"

#include "proto/cc/status_macros.h"
#include "server/run/file_bytes.h"

namespace atelier::server {
namespace {

constexpr absl::string_view kMagic = "ATLJRNL1";
// Far above what an event can be; a larger size is damage.
constexpr uint32_t kMaxEventBytes = 16 << 20;

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::ZeroCopyInputStream;

bool HasMagic(ZeroCopyInputStream& input) {
  CodedInputStream file(&input);
  std::string magic;
  return file.ReadString(&magic, kMagic.size()) && magic == kMagic;
}

// False: the journal ends here.
bool ReadRecord(ZeroCopyInputStream& input, v1::Event& event) {
  CodedInputStream file(&input);
  uint32_t size = 0;
  uint32_t checksum = 0;
  std::string payload;
  if (!file.ReadLittleEndian32(&size) || size > kMaxEventBytes ||
      !file.ReadLittleEndian32(&checksum) ||
      !file.ReadString(&payload, static_cast<int>(size)))
    return false;
  auto bytes = reinterpret_cast<const Bytef*>(payload.data());
  return crc32(0, bytes, size) == checksum && event.ParseFromString(payload);
}

}  // namespace

absl::Status ReadJournal(
    const std::string& path, size_t batch_size,
    const std::function<absl::Status(std::vector<v1::Event>)>& take) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return absl::OkStatus();
  if (fd < 0) return FileError(errno, "cannot read", path);
  google::protobuf::io::FileInputStream file(fd);
  file.SetCloseOnDelete(true);
  std::vector<v1::Event> batch;
  v1::Event event;
  int64_t expected = 1;
  bool is_journal = HasMagic(file);
  while (is_journal && ReadRecord(file, event) &&
         event.worker_sequence() == expected) {
    ++expected;
    batch.push_back(event);
    if (batch.size() < batch_size) continue;
    RETURN_IF_ERROR(take(std::exchange(batch, {})));
  }
  if (batch.empty()) return absl::OkStatus();
  return AddLocation(take(std::move(batch)));
}

}  // namespace atelier::server
