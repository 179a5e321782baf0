// Resampling with a window that widens when shrinking, as PIL has it (version
// 10: rows before columns whatever the sizes).
#pragma once

#include "opencv2/core/mat.hpp"

namespace atelier::trainer {

// Shapes: image [h, w] CV_8UC1 or CV_8UC3, returns [height, width] of its kind.
// Rows first, then columns; each pass is rounded to 8 bits.
cv::Mat ResizeLanczos(const cv::Mat& image, int width, int height);
// Every input pixel counts alike; nearest neighbour when enlarging.
cv::Mat ResizeBox(const cv::Mat& image, int width, int height);

}  // namespace atelier::trainer
