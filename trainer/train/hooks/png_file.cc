// A PNG is a signature of 8 bytes and chunks: length (big endian), type, data,
// CRC-32 of type and data. The first chunk is IHDR, 25 bytes in all; the texts
// stand behind it.
#include "trainer/train/hooks/png_file.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

#include "trainer/job/crc32.h"

namespace atelier::trainer {
namespace {

constexpr size_t kEndOfHeaderChunk = 8 + 25;

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(value >> shift));
  }
  return bytes;
}

std::string Chunk(std::string_view type, const std::string& data) {
  const std::string body = absl::StrCat(std::string(type), data);
  return absl::StrCat(BigEndian(static_cast<uint32_t>(data.size())), body,
                      BigEndian(Crc32(body)));
}

std::string TextChunk(const PngText& text) {
  const bool is_ascii =
      std::all_of(text.text.begin(), text.text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 128; });
  const std::string end(1, '\0');
  if (is_ascii) {
    return Chunk("tEXt", absl::StrCat(text.keyword, end, text.text));
  }
  // Not compressed, no language, no translated keyword.
  return Chunk("iTXt",
               absl::StrCat(text.keyword, end, end, end, end, end, text.text));
}

}  // namespace

absl::StatusOr<SavedFile> WritePng(const std::string& path, const Tensor& image,
                                   const std::vector<PngText>& texts) {
  const Tensor pixels = image.detach()
                            .cpu()
                            .to(torch::kFloat32)
                            .clamp(-1, 1)
                            .add(1)
                            .mul(127.5)
                            .round()
                            .to(torch::kUInt8)
                            .permute({1, 2, 0})
                            .contiguous();  // [H, W, 3]
  const cv::Mat rgb(static_cast<int>(pixels.size(0)),
                    static_cast<int>(pixels.size(1)), CV_8UC3,
                    pixels.data_ptr());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<uint8_t> encoded;
  if (!cv::imencode(".png", bgr, encoded) ||
      encoded.size() < kEndOfHeaderChunk) {
    return absl::InternalError(absl::StrCat("cannot encode ", path));
  }
  std::string bytes(encoded.begin(), encoded.begin() + kEndOfHeaderChunk);
  for (const PngText& text : texts) bytes += TextChunk(text);
  bytes.append(encoded.begin() + kEndOfHeaderChunk, encoded.end());
  return WriteFileAtomically(path, bytes);
}

}  // namespace atelier::trainer
