#include "trainer/text/sentencepiece/wire_reader.h"

namespace atelier::trainer {
namespace {

enum WireType : uint64_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kFixed32 = 5,
};

}  // namespace

bool WireReader::ReadVarint(uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

bool WireReader::ReadBytes(uint64_t size, std::string_view& bytes) {
  if (size > rest_.size()) return false;
  bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool WireReader::ReadFixed(size_t size, uint64_t& value) {
  std::string_view bytes;
  if (!ReadBytes(size, bytes)) return false;
  value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i]))
             << (8 * i);
  }
  return true;
}

std::optional<WireField> WireReader::Next() {
  if (!ok_ || rest_.empty()) return std::nullopt;
  WireField field;
  uint64_t key = 0;
  ok_ = ReadVarint(key);
  field.number = key >> 3;
  if (!ok_ || field.number == 0) {
    ok_ = false;
    return std::nullopt;
  }
  switch (key & 7) {
    case kVarint:
      ok_ = ReadVarint(field.value);
      break;
    case kFixed64:
      ok_ = ReadFixed(8, field.value);
      break;
    case kBytes: {
      uint64_t size = 0;
      ok_ = ReadVarint(size) && ReadBytes(size, field.bytes);
      break;
    }
    case kFixed32:
      ok_ = ReadFixed(4, field.value);
      break;
    default:
      ok_ = false;
  }
  return ok_ ? std::optional<WireField>(field) : std::nullopt;
}

}  // namespace atelier::trainer
