// Folders of small generated pictures with captions.
#pragma once

#include <string>
#include <vector>

namespace atelier::trainer::testing {

struct TinyImage {
  std::string name;  // with its ending: .png, .jpg, .webp or .bmp
  int width = 64;
  int height = 64;
  std::string caption = "";  // empty: no caption file
};

// Colour gradients and shapes that differ from seed to seed; the same numbers
// give the same picture.
void WritePicture(const std::string& path, int width, int height, int seed);

// Makes the folder, the pictures, and a .txt beside each that has a caption.
void WriteTinyDataset(const std::string& folder,
                      const std::vector<TinyImage>& images);

// Eight pictures of several shapes around 64x64 with captions.
std::vector<TinyImage> EightImages();

void WriteText(const std::string& path, const std::string& text);
std::string ReadBytes(const std::string& path);

}  // namespace atelier::trainer::testing
