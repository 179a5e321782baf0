#include "trainer/scalars/event_file_writer.h"

#include <bit>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/status_macros.h"
#include "trainer/scalars/append_file.h"
#include "trainer/scalars/crc32c.h"

namespace atelier::trainer {
namespace {

// Wire types of protobuf.
enum class Wire : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kFixed32 = 5
};

template <typename Number>
void AppendFixed(Number number, std::string& out) {
  for (size_t i = 0; i < sizeof(Number); ++i) {
    out.push_back(static_cast<char>((number >> (8 * i)) & 0xFF));
  }
}

void AppendVarint(uint64_t number, std::string& out) {
  while (number >= 0x80) {
    out.push_back(static_cast<char>((number & 0x7F) | 0x80));
    number >>= 7;
  }
  out.push_back(static_cast<char>(number));
}

void AppendKey(int field, Wire wire, std::string& out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | static_cast<uint8_t>(wire),
               out);
}

void AppendBytes(int field, const std::string& bytes, std::string& out) {
  AppendKey(field, Wire::kBytes, out);
  AppendVarint(bytes.size(), out);
  out += bytes;
}

std::string EventAt(double wall_seconds, int64_t step) {
  std::string event;
  AppendKey(1, Wire::kFixed64, event);
  AppendFixed(std::bit_cast<uint64_t>(wall_seconds), event);
  AppendKey(2, Wire::kVarint, event);
  AppendVarint(static_cast<uint64_t>(step), event);
  return event;
}

std::string SummaryValue(const std::string& tag, double value) {
  std::string message;
  AppendBytes(1, tag, message);
  AppendKey(2, Wire::kFixed32, message);
  AppendFixed(std::bit_cast<uint32_t>(static_cast<float>(value)), message);
  return message;
}

std::string Record(const std::string& event) {
  std::string length;
  AppendFixed(static_cast<uint64_t>(event.size()), length);
  std::string record = length;
  AppendFixed(MaskedCrc32c(length), record);
  record += event;
  AppendFixed(MaskedCrc32c(event), record);
  return record;
}

class EventFileWriter : public ScalarWriter {
 public:
  explicit EventFileWriter(AppendFile file) : file_(std::move(file)) {}

  absl::Status Begin(double now) {
    now_ = now;
    std::string event = EventAt(now, 0);
    AppendBytes(3, "brain.Event:2", event);
    return file_.Append(Record(event));
  }

  absl::Status Write(const ScalarRow& row) override {
    now_ = row.wall_seconds;
    std::string summary;
    for (const auto& [tag, value] : row.values) {
      AppendBytes(1, SummaryValue(tag, value), summary);
    }
    std::string event =
        EventAt(row.wall_seconds, row.is_epoch ? row.epoch : row.step);
    AppendBytes(5, summary, event);
    return file_.Append(Record(event));
  }

  absl::Status Rewind(int64_t step) override {
    std::string start;
    AppendKey(1, Wire::kVarint, start);
    AppendVarint(1, start);
    std::string event = EventAt(now_, step + 1);
    AppendBytes(7, start, event);
    return file_.Append(Record(event));
  }

 private:
  AppendFile file_;
  double now_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ScalarWriter>> OpenEventFile(
    const std::string& folder, double now) {
  std::string path;
  std::error_code error;
  int number = 0;
  do {
    path = absl::StrFormat("%s/events.out.tfevents.%010d.atelier.%d", folder,
                           static_cast<int64_t>(now), number++);
  } while (std::filesystem::exists(path, error));
  ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  auto writer = std::make_unique<EventFileWriter>(std::move(file));
  RETURN_IF_ERROR(writer->Begin(now));
  return writer;
}

}  // namespace atelier::trainer
