// Where the patches of an image stand: tables of sines and cosines, of which
// every image takes a crop.
//
// Letters: B batch, D width of the transformer.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "trainer/tensor/torch.h"

namespace atelier::trainer::sd3 {

// A table for side x side patches in which `sample` patches, in the middle,
// span the positions that the transformer learnt as a whole image. Shapes:
// [side, side, D] fp32; the first half of D is the column, the second the row,
// each sines, then cosines.
Tensor ScaledPositionTable(int64_t width, int64_t side, int64_t sample);

// One scaled table for each resolution of a dataset, for training at more than
// one of them (enable_scaled_pos_embed, sd-scripts-spec 4.4). Tables are half
// as large again as their resolution's square.
class ScaledPositions {
 public:
  // `latent_sides` as in ModelOptions, at least one.
  ScaledPositions(const std::vector<int64_t>& latent_sides, int64_t patch,
                  int64_t width);

  // The table of the resolution that is nearest in area; a table of its own
  // for an image that does not fit into that. Shapes: [side, side, D].
  // Threads: one at a time.
  Tensor Table(int64_t rows, int64_t columns, torch::Device device);

 private:
  int64_t SampleFor(int64_t rows, int64_t columns) const;

  int64_t width_;
  std::vector<int64_t> samples_;      // sides in patches, ascending
  std::map<int64_t, Tensor> tables_;  // by sample, made when they are used
};

// rows x columns of a table [side, side, D]: the middle, or where `crop` says
// (as Conditioning::position_crop; undefined: the middle for all).
//
// Shapes: [1, rows * columns, D], with `crop` [B, rows * columns, D].
// Throws: c10::Error if the table is smaller.
Tensor CropPositions(const Tensor& table, int64_t rows, int64_t columns,
                     const Tensor& crop);

}  // namespace atelier::trainer::sd3
