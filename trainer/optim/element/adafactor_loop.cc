#include "trainer/optim/element/adafactor_loop.h"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#define ATELIER_LOOP __attribute__((target_clones("avx2", "default"), flatten))
#else
#define ATELIER_LOOP
#endif

namespace atelier::trainer {
namespace {

constexpr int64_t kPieceElements = 1 << 15;
constexpr int64_t kMostParts = 64;
// Sums side by side, so that a loop is not bound by one addition; they go into
// fp64 often enough to lose nothing.
constexpr int64_t kLanes = 16;
constexpr int64_t kRun = 1024;

inline double SumOfLanes(const float* lanes) {
  double sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    sum += static_cast<double>(lanes[lane]);
  }
  return sum;
}

// The sum over [0, count) of square(i).
template <typename Square>
inline double SumOf(int64_t count, Square square) {
  if (count < kLanes) {
    float few = 0;
    for (int64_t i = 0; i < count; ++i) few += square(i);
    return static_cast<double>(few);
  }
  double sum = 0;
  for (int64_t begin = 0; begin < count; begin += kRun) {
    const int64_t end = std::min(begin + kRun, count);
    float lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        lanes[lane] += square(i + lane);
      }
    }
    for (; i < end; ++i) lanes[0] += square(i);
    sum += SumOfLanes(lanes);
  }
  return sum;
}

// One element of step 4.
inline float Moved(const AdafactorStep& step, float weight, float change) {
  return weight * step.decay - change;
}

inline void ApplyRun(const AdafactorStep& step, const float* weight,
                     float* first, float* out, int64_t count,
                     const float* changes) {
  if (first == nullptr) {
    for (int64_t i = 0; i < count; ++i) {
      out[i] = Moved(step, weight[i], changes[i]);
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    first[i] = first[i] * step.beta1 + changes[i] * step.one_minus_beta1;
    out[i] = Moved(step, weight[i], first[i]);
  }
}

}  // namespace

AdafactorShape::AdafactorShape(int64_t batch_count, int64_t row_count,
                               int64_t column_count)
    : batches(batch_count), rows(row_count), columns(column_count) {
  const int64_t matrix = std::max<int64_t>(1, rows * columns);
  group_ = std::max<int64_t>(1, kPieceElements / matrix);
  part_rows_ =
      std::max({int64_t{1}, kPieceElements / std::max<int64_t>(1, columns),
                (rows + kMostParts - 1) / kMostParts});
  groups_ = (batches + group_ - 1) / group_;
  parts_ = (rows + part_rows_ - 1) / part_rows_;
}

AdafactorPiece AdafactorShape::PieceAt(int64_t index) const {
  AdafactorPiece piece;
  piece.batch = index / parts_ * group_;
  piece.batches = std::min(group_, batches - piece.batch);
  piece.part = index % parts_;
  piece.row = piece.part * part_rows_;
  piece.rows = std::min(part_rows_, rows - piece.row);
  return piece;
}

ATELIER_LOOP double TakeSquares(const AdafactorFactors& factors,
                                const AdafactorShape& shape,
                                const AdafactorMemory& memory,
                                const AdafactorPiece& piece, float* sums) {
  const int64_t columns = shape.columns;
  const float scale = factors.grad_scale;
  double of_weight = 0;
  for (int64_t b = piece.batch; b < piece.batch + piece.batches; ++b) {
    float* __restrict sum = sums + (piece.part * shape.batches + b) * columns;
    std::fill_n(sum, columns, 0.0f);
    for (int64_t r = piece.row; r < piece.row + piece.rows; ++r) {
      const int64_t row = b * shape.rows + r;
      const float* grad = memory.grad + row * columns;
      const float* weight = memory.weight + row * columns;
      for (int64_t c = 0; c < columns; ++c) {
        const float scaled = grad[c] * scale;
        sum[c] += scaled * scaled + factors.eps;
      }
      const double of_row = SumOf(columns, [&](int64_t c) {
        const float scaled = grad[c] * scale;
        return scaled * scaled + factors.eps;
      });
      of_weight +=
          SumOf(columns, [&](int64_t c) { return weight[c] * weight[c]; });
      memory.row[row] =
          memory.row[row] * factors.beta2 +
          factors.one_minus_beta2 *
              static_cast<float>(of_row / static_cast<double>(columns));
    }
  }
  return of_weight;
}

ATELIER_LOOP void MakeFactors(const AdafactorFactors& factors,
                              const AdafactorShape& shape,
                              const AdafactorMemory& memory, const float* sums,
                              int64_t begin, int64_t end) {
  const auto share = 1.0f / static_cast<float>(shape.rows);
  for (int64_t b = begin; b < end; ++b) {
    const float* row = memory.row + b * shape.rows;
    const double total = SumOf(shape.rows, [&](int64_t r) { return row[r]; });
    const auto mean =
        static_cast<float>(total / static_cast<double>(shape.rows));
    for (int64_t r = 0; r < shape.rows; ++r) {
      memory.row_factor[b * shape.rows + r] = 1.0f / std::sqrt(row[r] / mean);
    }
    float* __restrict column = memory.column + b * shape.columns;
    float* __restrict factor = memory.column_factor + b * shape.columns;
    std::fill_n(factor, shape.columns, 0.0f);
    for (int64_t part = 0; part < shape.parts(); ++part) {
      const float* sum = sums + (part * shape.batches + b) * shape.columns;
      for (int64_t c = 0; c < shape.columns; ++c) factor[c] += sum[c];
    }
    for (int64_t c = 0; c < shape.columns; ++c) {
      column[c] = column[c] * factors.beta2 +
                  factors.one_minus_beta2 * (factor[c] * share);
      factor[c] = 1.0f / std::sqrt(column[c]);
    }
  }
}

ATELIER_LOOP double SquaresOfChange(const AdafactorFactors& factors,
                                    const AdafactorShape& shape,
                                    const AdafactorMemory& memory,
                                    const AdafactorPiece& piece) {
  double sum = 0;
  for (int64_t b = piece.batch; b < piece.batch + piece.batches; ++b) {
    const float* column = memory.column_factor + b * shape.columns;
    for (int64_t r = piece.row; r < piece.row + piece.rows; ++r) {
      const int64_t row = b * shape.rows + r;
      const float* grad = memory.grad + row * shape.columns;
      const float factor = factors.grad_scale * memory.row_factor[row];
      sum += SumOf(shape.columns, [&](int64_t c) {
        const float change = grad[c] * factor * column[c];
        return change * change;
      });
    }
  }
  return sum;
}

ATELIER_LOOP void ApplyChange(const AdafactorFactors& factors,
                              const AdafactorStep& step,
                              const AdafactorShape& shape,
                              const AdafactorMemory& memory,
                              const AdafactorPiece& piece) {
  float changes[kRun];
  for (int64_t b = piece.batch; b < piece.batch + piece.batches; ++b) {
    const float* column = memory.column_factor + b * shape.columns;
    for (int64_t r = piece.row; r < piece.row + piece.rows; ++r) {
      const int64_t row = b * shape.rows + r;
      const float factor =
          factors.grad_scale * memory.row_factor[row] * step.size;
      for (int64_t c = 0; c < shape.columns; c += kRun) {
        const int64_t count = std::min(kRun, shape.columns - c);
        const int64_t at = row * shape.columns + c;
        for (int64_t i = 0; i < count; ++i) {
          changes[i] = memory.grad[at + i] * factor * column[c + i];
        }
        ApplyRun(step, memory.weight + at,
                 memory.first == nullptr ? nullptr : memory.first + at,
                 memory.out + at, count, changes);
      }
    }
  }
}

ATELIER_LOOP WholeSquares TakeWhole(const AdafactorFactors& factors,
                                    const AdafactorMemory& memory,
                                    int64_t begin, int64_t end) {
  const float* grad = memory.grad + begin;
  const float* weight = memory.weight + begin;
  float* __restrict whole = memory.whole + begin;
  const float scale = factors.grad_scale;
  for (int64_t i = 0; i < end - begin; ++i) {
    const float scaled = grad[i] * scale;
    whole[i] = whole[i] * factors.beta2 +
               factors.one_minus_beta2 * (scaled * scaled + factors.eps);
  }
  WholeSquares squares;
  squares.of_weight =
      SumOf(end - begin, [&](int64_t i) { return weight[i] * weight[i]; });
  squares.of_change = SumOf(end - begin, [&](int64_t i) {
    const float scaled = grad[i] * scale;
    return scaled * scaled / whole[i];
  });
  return squares;
}

ATELIER_LOOP void ApplyWhole(const AdafactorFactors& factors,
                             const AdafactorStep& step,
                             const AdafactorMemory& memory, int64_t begin,
                             int64_t end) {
  float changes[kRun];
  const float factor = factors.grad_scale * step.size;
  for (int64_t at = begin; at < end; at += kRun) {
    const int64_t count = std::min(kRun, end - at);
    for (int64_t i = 0; i < count; ++i) {
      changes[i] =
          memory.grad[at + i] * factor / std::sqrt(memory.whole[at + i]);
    }
    ApplyRun(step, memory.weight + at,
             memory.first == nullptr ? nullptr : memory.first + at,
             memory.out + at, count, changes);
  }
}

}  // namespace atelier::trainer
