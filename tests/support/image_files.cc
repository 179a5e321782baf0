#include "tests/support/image_files.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

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

std::string TurnedTiff(std::string tiff, int orientation) {
  const std::string entry =
      Number(0x112, 2, true) + Number(3, 2, true) + Number(1, 4, true);
  const size_t place = tiff.rfind(entry);
  if (place == tiff.npos) {
    std::fprintf(stderr, "image files: the TIFF has no orientation\n");
    std::abort();
  }
  return tiff.replace(place + entry.size(), 2, Number(orientation, 2, true));
}

}  // namespace atelier::trainer::testing
