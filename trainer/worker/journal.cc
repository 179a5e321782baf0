#include "trainer/worker/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "proto/cc/status_macros.h"
#include "trainer/job/crc32.h"

namespace atelier::trainer {
namespace {

constexpr absl::string_view kMagic = "ATLJRNL1";
constexpr size_t kHeaderBytes = 8;
// An event is far smaller; a longer length is damage.
constexpr uint32_t kMaxPayloadBytes = 16 << 20;

uint32_t Load32(const char* bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

void Store32(char* bytes, uint32_t value) {
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<char>(value >> (8 * i));
  }
}

absl::Status ErrnoStatus(int error, absl::string_view what) {
  return absl::ErrnoToStatus(error, what);
}

// Reads up to `size` bytes; fewer only at the end of the file.
absl::StatusOr<std::string> ReadAt(int fd, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd, bytes.data() + done, size - done,
                            static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

absl::Status WriteAt(int fd, uint64_t offset, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n =
        pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

// The payload of the record at `offset`; DATA_LOSS when there is no whole one.
absl::StatusOr<std::string> ReadPayload(int fd, uint64_t offset) {
  ASSIGN_OR_RETURN(const std::string header, ReadAt(fd, offset, kHeaderBytes));
  if (header.size() < kHeaderBytes) return absl::DataLossError("no record");
  const uint32_t length = Load32(header.data());
  const uint32_t crc = Load32(header.data() + 4);
  if (length > kMaxPayloadBytes) return absl::DataLossError("bad length");
  ASSIGN_OR_RETURN(std::string payload,
                   ReadAt(fd, offset + kHeaderBytes, length));
  if (payload.size() < length || Crc32(payload) != crc) {
    return absl::DataLossError("torn record");
  }
  return payload;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot open the journal ", path));
  }
  std::unique_ptr<Journal> journal(new Journal(path, fd));
  RETURN_IF_ERROR(
      AddContext(journal->Recover(), absl::StrCat("journal ", path)));
  return journal;
}

Journal::Journal(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

Journal::~Journal() { close(fd_); }

absl::Status Journal::Recover() {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const std::string magic, ReadAt(fd_, 0, kMagic.size()));
  if (magic != kMagic.substr(0, magic.size())) {
    return absl::DataLossError("is not a journal of the trainer's");
  }
  if (magic.size() < kMagic.size()) RETURN_IF_ERROR(WriteAt(fd_, 0, kMagic));
  uint64_t offset = kMagic.size();
  offsets_ = {offset};
  v1::Event event;
  for (;;) {
    const absl::StatusOr<std::string> payload = ReadPayload(fd_, offset);
    if (!payload.ok()) break;
    if (!event.ParseFromString(*payload) ||
        event.worker_sequence() != static_cast<int64_t>(offsets_.size())) {
      break;
    }
    offset += kHeaderBytes + payload->size();
    offsets_.push_back(offset);
  }
  if (ftruncate(fd_, static_cast<off_t>(offset)) != 0) {
    return ErrnoStatus(errno, "cannot cut off a torn record");
  }
  return absl::OkStatus();
}

int64_t Journal::Append(v1::Event event) {
  absl::MutexLock lock(&mutex_);
  const auto sequence = static_cast<int64_t>(offsets_.size() + pending_.size());
  event.set_worker_sequence(sequence);
  const std::string payload = event.SerializeAsString();
  std::string record(kHeaderBytes, '\0');
  Store32(record.data(), static_cast<uint32_t>(payload.size()));
  Store32(record.data() + 4, Crc32(payload));
  record += payload;
  pending_.push_back(std::move(record));
  WritePending();
  return sequence;
}

void Journal::WritePending() {
  while (!pending_.empty()) {
    const uint64_t offset = offsets_.back();
    write_status_ = WriteAt(fd_, offset, pending_.front());
    if (!write_status_.ok()) {
      return;  // what was written of it is overwritten by the next try
    }
    offsets_.push_back(offset + pending_.front().size());
    pending_.pop_front();
  }
}

absl::StatusOr<v1::Event> Journal::Read(int64_t sequence) const {
  absl::MutexLock lock(&mutex_);
  const auto on_disk = static_cast<int64_t>(offsets_.size()) - 1;
  const auto waiting = static_cast<int64_t>(pending_.size());
  if (sequence < 1 || sequence > on_disk + waiting) {
    return absl::NotFoundError(
        absl::StrCat("event ", sequence, " is not in the journal ", path_));
  }
  std::string payload;
  if (sequence > on_disk) {
    payload = pending_[static_cast<size_t>(sequence - on_disk - 1)].substr(
        kHeaderBytes);
  } else {
    ASSIGN_OR_RETURN(
        payload, ReadPayload(fd_, offsets_[static_cast<size_t>(sequence - 1)]));
  }
  v1::Event event;
  if (!event.ParseFromString(payload)) {
    return absl::DataLossError(absl::StrCat(
        "event ", sequence, " of the journal ", path_, " cannot be read"));
  }
  return event;
}

int64_t Journal::last_sequence() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(offsets_.size() + pending_.size()) - 1;
}

absl::Status Journal::write_status() const {
  absl::MutexLock lock(&mutex_);
  return write_status_;
}

}  // namespace atelier::trainer
