// Lanczos resampling with a window that widens when shrinking, as PIL has it
// (version 10: rows before columns whatever the sizes).
#pragma once

#include "opencv2/core/mat.hpp"

namespace atelier::trainer {

// Shapes: image [h, w] CV_8UC3, returns [height, width] CV_8UC3. Rows first,
// then columns; each pass is rounded to 8 bits.
cv::Mat ResizeLanczos(const cv::Mat& image, int width, int height);

}  // namespace atelier::trainer
