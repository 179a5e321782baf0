// How different pictures are from one another.
#pragma once

#include <optional>
#include <vector>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Shapes: image [3, H, W]; returns [3, 16, 16] fp32, means of parts of equal
// size.
Tensor Thumbnail(const Tensor& image);

// Mean over all pairs of the root of the mean square of their differences. None
// for fewer than two.
std::optional<double> MeanDistance(const std::vector<Tensor>& thumbnails);

}  // namespace atelier::trainer
