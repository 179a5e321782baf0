#include "trainer/architectures/sd3/positions.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "trainer/tensor/device.h"

namespace atelier::trainer::sd3 {
namespace {

// What the middle of a scaled table spans, as the base_size of the published
// models' tables.
constexpr double kBaseSide = 16;
constexpr double kLargestPeriod = 10000;

int64_t SideFor(int64_t sample) { return sample * 3 / 2; }

// [n] -> [n, width]
Tensor SinesAndCosines(const Tensor& positions, int64_t width) {
  const Tensor frequencies =
      torch::pow(kLargestPeriod, torch::arange(width / 2, torch::kFloat64) *
                                     (-2.0 / double(width)));
  const Tensor angles = torch::outer(positions, frequencies);
  return torch::cat({angles.sin(), angles.cos()}, 1);
}

// Where the crop begins along one side with `room` places.
int64_t Offset(double share, int64_t room) {
  if (share < 0) return (room - 1) / 2;
  return std::min(static_cast<int64_t>(share * double(room)), room - 1);
}

}  // namespace

Tensor ScaledPositionTable(int64_t width, int64_t side, int64_t sample) {
  const double middle = double(side - sample) / 2;
  const Tensor positions = (torch::arange(side, torch::kFloat64) - middle) *
                           (kBaseSide / double(sample));
  const Tensor line = SinesAndCosines(positions, width / 2);  // [side, D / 2]
  const std::vector<int64_t> shape = {side, side, width / 2};
  return torch::cat(
             {line.unsqueeze(0).expand(shape), line.unsqueeze(1).expand(shape)},
             2)
      .to(torch::kFloat32);
}

ScaledPositions::ScaledPositions(const std::vector<int64_t>& latent_sides,
                                 int64_t patch, int64_t width)
    : width_(width) {
  std::set<int64_t> samples;
  for (const int64_t side : latent_sides) samples.insert(side / patch);
  samples_.assign(samples.begin(), samples.end());
  TORCH_CHECK(!samples_.empty() && samples_.front() > 0,
              "scaled positions need the sides of a dataset's resolutions");
}

int64_t ScaledPositions::SampleFor(int64_t rows, int64_t columns) const {
  size_t i = 0;
  while (i + 1 < samples_.size() &&
         rows * columns >
             (samples_[i] * samples_[i] + samples_[i + 1] * samples_[i + 1]) /
                 2) {
    ++i;
  }
  const int64_t side = SideFor(samples_[i]);
  if (rows <= side && columns <= side) return samples_[i];
  return std::max(rows, columns);
}

Tensor ScaledPositions::Table(int64_t rows, int64_t columns,
                              torch::Device device) {
  const int64_t sample = SampleFor(rows, columns);
  Tensor& table = tables_[sample];
  if (!table.defined()) {
    table = ScaledPositionTable(width_, SideFor(sample), sample);
  }
  table = SendTo(table, device);
  return table;
}

Tensor CropPositions(const Tensor& table, int64_t rows, int64_t columns,
                     const Tensor& crop) {
  const int64_t side = table.size(0);
  TORCH_CHECK(rows <= side && columns <= side, "an image of ", rows, " x ",
              columns, " patches is larger than the model's ", side, " x ",
              side, " positions");
  const auto cut = [&](double down, double right) {
    const int64_t top = Offset(down, side - rows + 1);
    const int64_t left = Offset(right, side - columns + 1);
    return table.slice(0, top, top + rows)
        .slice(1, left, left + columns)
        .flatten(0, 1);
  };
  if (!crop.defined()) return cut(-1, -1).unsqueeze(0);
  const Tensor shares = crop.to(torch::kCPU, torch::kFloat64).contiguous();
  std::vector<Tensor> images;
  for (int64_t i = 0; i < shares.size(0); ++i) {
    const double* share = shares.const_data_ptr<double>() + 2 * i;
    images.push_back(cut(share[0], share[1]));
  }
  return torch::stack(images);
}

}  // namespace atelier::trainer::sd3
