// Image files with what OpenCV does not write: orientations.
#pragma once

#include <string>

namespace atelier::trainer::testing {

// EXIF data, little endian, that says nothing but the orientation.
std::string ExifData(int orientation);

// The bytes of a file, with the orientation put in: an APP1 segment, an eXIf
// chunk, an EXIF chunk of an extended WebP.
std::string TurnedJpeg(std::string jpeg, int orientation);
std::string TurnedPng(std::string png, int orientation);
std::string TurnedWebp(const std::string& webp, int width, int height,
                       int orientation);

// An uncompressed TIFF of three bytes a pixel that has the orientation.
std::string TurnedTiff(const std::string& rgb, int width, int height,
                       int orientation);

}  // namespace atelier::trainer::testing
