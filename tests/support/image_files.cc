#include "tests/support/image_files.h"

#include <cstdint>

#include "trainer/job/crc32.h"

namespace atelier::trainer::testing {
namespace {

std::string Number(uint32_t value, int bytes, bool is_little) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    const int shift = 8 * (is_little ? i : bytes - 1 - i);
    text.push_back(static_cast<char>(value >> shift));
  }
  return text;
}

std::string RiffChunk(const std::string& name, const std::string& data) {
  return name + Number(data.size(), 4, true) + data +
         std::string(data.size() % 2, '\0');
}

}  // namespace

std::string ExifData(int orientation) {
  return std::string("II\x2a\0", 4) + Number(8, 4, true) + Number(1, 2, true) +
         Number(0x112, 2, true) + Number(3, 2, true) + Number(1, 4, true) +
         Number(orientation, 4, true) + Number(0, 4, true);
}

std::string TurnedJpeg(std::string jpeg, int orientation) {
  const std::string data = std::string("Exif\0\0", 6) + ExifData(orientation);
  return jpeg.insert(2, "\xff\xe1" + Number(data.size() + 2, 2, false) + data);
}

std::string TurnedPng(std::string png, int orientation) {
  const std::string data = ExifData(orientation);
  constexpr size_t kEndOfHeaderChunk = 8 + 25;
  return png.insert(kEndOfHeaderChunk,
                    Number(data.size(), 4, false) + "eXIf" + data +
                        Number(Crc32("eXIf" + data), 4, false));
}

std::string TurnedWebp(const std::string& webp, int width, int height,
                       int orientation) {
  constexpr int kHasExif = 0x08;
  const std::string extended = Number(kHasExif, 4, true) +
                               Number(width - 1, 3, true) +
                               Number(height - 1, 3, true);
  const std::string body = "WEBP" + RiffChunk("VP8X", extended) +
                           webp.substr(12) +
                           RiffChunk("EXIF", ExifData(orientation));
  return "RIFF" + Number(body.size(), 4, true) + body;
}

std::string TurnedTiff(const std::string& rgb, int width, int height,
                       int orientation) {
  constexpr int kShort = 3;
  constexpr int kLong = 4;
  struct Entry {
    int tag;
    int type;
    int count;
    int value;
  };
  constexpr int kEntries = 10;
  constexpr int kBits = 8 + 2 + 12 * kEntries + 4;  // three times 8
  constexpr int kPixels = kBits + 6;
  const auto bytes = static_cast<int>(rgb.size());
  const Entry entries[kEntries] = {
      {256, kShort, 1, width},       {257, kShort, 1, height},
      {258, kShort, 3, kBits},       {259, kShort, 1, 1},
      {262, kShort, 1, 2},           {273, kLong, 1, kPixels},
      {274, kShort, 1, orientation}, {277, kShort, 1, 3},
      {278, kShort, 1, height},      {279, kLong, 1, bytes}};
  std::string tiff = std::string("II\x2a\0", 4) + Number(8, 4, true) +
                     Number(kEntries, 2, true);
  for (const Entry& entry : entries) {
    tiff += Number(entry.tag, 2, true) + Number(entry.type, 2, true) +
            Number(entry.count, 4, true) + Number(entry.value, 4, true);
  }
  tiff += Number(0, 4, true);
  for (int i = 0; i < 3; ++i) tiff += Number(8, 2, true);
  return tiff + rgb;
}

}  // namespace atelier::trainer::testing
