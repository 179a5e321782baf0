// Reads the fields of a protocol buffer message one after the other.
//
// Source: "Protocol Buffers: Encoding". Groups are refused.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace atelier::trainer {

struct WireField {
  uint64_t number = 0;
  // Of a varint, or the bits of a fixed 32 or 64 bit value.
  uint64_t value = 0;
  std::string_view bytes;  // of strings and messages

  float AsFloat() const {
    const auto bits = static_cast<uint32_t>(value);
    float result;
    std::memcpy(&result, &bits, sizeof(result));
    return result;
  }
};

class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  // Nothing at the end, and where the message cannot be read; see ok().
  std::optional<WireField> Next();
  bool ok() const { return ok_; }

 private:
  bool ReadVarint(uint64_t& value);
  bool ReadBytes(uint64_t size, std::string_view& bytes);
  bool ReadFixed(size_t size, uint64_t& value);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace atelier::trainer
