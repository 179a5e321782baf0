// Reads event files, knowing no more than TensorFlow's description of them;
// checks every checksum.
#pragma once

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "trainer/scalars/crc32c.h"

namespace atelier::trainer::testing {

inline std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Scalar {
  int64_t step;
  std::string tag;
  double value;
};

class EventFile {
 public:
  explicit EventFile(const std::filesystem::path& path)
      : bytes_(ReadBytes(path)) {
    while (place_ < bytes_.size()) ReadRecord();
  }

  std::vector<Scalar> scalars;
  std::vector<int64_t> starts;  // steps of START records
  std::string version;

 private:
  using Fields = std::vector<std::pair<int, std::string>>;

  uint64_t Little(std::string_view bytes) const {
    uint64_t number = 0;
    for (size_t i = bytes.size(); i-- > 0;) {
      number = number << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return number;
  }

  std::string Checked(size_t size) {
    const std::string bytes = bytes_.substr(place_, size);
    const uint64_t crc = Little(bytes_.substr(place_ + size, 4));
    EXPECT_EQ(MaskedCrc32c(bytes), crc);
    place_ += size + 4;
    return bytes;
  }

  static uint64_t Varint(const std::string& bytes, size_t& at) {
    uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes.at(at++));
      number |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
  }

  // Fields of a message; numbers as eight little-endian bytes.
  static Fields FieldsOf(const std::string& message) {
    Fields fields;
    for (size_t at = 0; at < message.size();) {
      const uint64_t key = Varint(message, at);
      const int wire = static_cast<int>(key & 7);
      std::string value;
      if (wire == 0) {
        const uint64_t number = Varint(message, at);
        value.assign(reinterpret_cast<const char*>(&number), 8);
      } else {
        const size_t size = wire == 1 ? 8 : wire == 5 ? 4 : Varint(message, at);
        value = message.substr(at, size);
        at += size;
      }
      fields.emplace_back(static_cast<int>(key >> 3), value);
    }
    return fields;
  }

  static std::string Field(const Fields& fields, int number) {
    for (const auto& [field, value] : fields) {
      if (field == number) return value;
    }
    return "";
  }

  void ReadRecord() {
    const size_t size = Little(Checked(8));
    const Fields event = FieldsOf(Checked(size));
    const auto step = static_cast<int64_t>(Little(Field(event, 2)));
    if (const std::string text = Field(event, 3); !text.empty()) version = text;
    if (const std::string log = Field(event, 7); !log.empty()) {
      EXPECT_EQ(Little(Field(FieldsOf(log), 1)), 1u);
      starts.push_back(step);
    }
    for (const auto& [number, value] : FieldsOf(Field(event, 5))) {
      const Fields fields = FieldsOf(value);
      const auto bits = static_cast<uint32_t>(Little(Field(fields, 2)));
      scalars.push_back({step, Field(fields, 1), std::bit_cast<float>(bits)});
    }
  }

  std::string bytes_;
  size_t place_ = 0;
};

// The values of a tag by step.
inline std::vector<std::pair<int64_t, double>> Series(const EventFile& file,
                                                      const std::string& tag) {
  std::vector<std::pair<int64_t, double>> series;
  for (const Scalar& scalar : file.scalars) {
    if (scalar.tag == tag) series.emplace_back(scalar.step, scalar.value);
  }
  return series;
}

}  // namespace atelier::trainer::testing
