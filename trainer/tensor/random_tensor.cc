#include "trainer/tensor/random_tensor.h"

namespace atelier::trainer {
namespace {

// Above the purposes' own values, which stay small.
constexpr int kIndexShift = 16;

template <typename Draw>
Tensor FillRows(const BatchRng& rng, RngPurpose purpose, at::IntArrayRef shape,
                uint32_t index, Draw draw) {
  TORCH_CHECK(!shape.empty(), "a random tensor needs a batch dimension");
  TORCH_CHECK(index < 1024, "stream index ", index, " must be below 1024");
  const auto stream = static_cast<RngPurpose>(static_cast<uint32_t>(purpose) |
                                              index << kIndexShift);
  Tensor result = torch::empty(shape, torch::kFloat32);
  const int64_t rows = shape[0];
  const int64_t row_size = rows == 0 ? 0 : result.numel() / rows;
  float* out = result.data_ptr<float>();
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      Rng source(rng.seed, stream, rng.step,
                 rng.first_sample + static_cast<uint64_t>(row));
      for (int64_t i = 0; i < row_size; ++i) {
        out[row * row_size + i] = draw(source);
      }
    }
  });
  return result;
}

}  // namespace

Tensor BatchRng::Normal(RngPurpose purpose, at::IntArrayRef shape,
                        uint32_t index) const {
  return FillRows(*this, purpose, shape, index, [](Rng& source) {
    return static_cast<float>(source.Normal());
  });
}

Tensor BatchRng::Uniform(RngPurpose purpose, at::IntArrayRef shape,
                         uint32_t index) const {
  // 24 bits: every value is exact in fp32, and none rounds up to 1.
  return FillRows(*this, purpose, shape, index, [](Rng& source) {
    return static_cast<float>(source.NextUint32() >> 8) * 0x1.0p-24f;
  });
}

}  // namespace atelier::trainer
