#include "tests/support/tiny_dataset.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

namespace atelier::trainer::testing {
namespace {

[[noreturn]] void Die(const std::string& path) {
  std::fprintf(stderr, "tiny dataset: cannot write %s\n", path.c_str());
  std::abort();
}

}  // namespace

void WritePicture(const std::string& path, int width, int height, int seed) {
  cv::Mat image(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.at<cv::Vec3b>(y, x) =
          cv::Vec3b(static_cast<uchar>((x * 255 / width + seed * 40) % 256),
                    static_cast<uchar>(y * 255 / height),
                    static_cast<uchar>((seed * 71 + (x + y) * 2) % 256));
    }
  }
  const cv::Point center(width * (1 + seed % 3) / 4,
                         height * (1 + seed % 2) / 3);
  cv::circle(image, center, std::min(width, height) / 4,
             cv::Scalar(seed * 37 % 256, 200, 255 - seed * 29 % 256), -1);
  if (!cv::imwrite(path, image)) Die(path);
}

void WriteTinyDataset(const std::string& folder,
                      const std::vector<TinyImage>& images) {
  std::filesystem::create_directories(folder);
  int seed = 0;
  for (const TinyImage& image : images) {
    const std::filesystem::path path =
        std::filesystem::path(folder) / image.name;
    WritePicture(path.string(), image.width, image.height, seed++);
    if (image.caption.empty()) continue;
    std::filesystem::path caption = path;
    WriteText(caption.replace_extension(".txt").string(), image.caption + "\n");
  }
}

std::vector<TinyImage> EightImages() {
  return {{"a.png", 64, 64, "a green dot, flat"},
          {"b.png", 96, 64, "a wide picture, dot"},
          {"c.jpg", 64, 96, "a tall picture, dot"},
          {"d.png", 128, 128, "a large picture"},
          {"e.jpg", 80, 80, "a dot, colours, soft light"},
          {"f.png", 64, 64, "two colours"},
          {"g.png", 100, 60, "a wide gradient"},
          {"h.jpg", 72, 64, "nearly square"}};
}

void WriteText(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file) Die(path);
}

std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

}  // namespace atelier::trainer::testing
