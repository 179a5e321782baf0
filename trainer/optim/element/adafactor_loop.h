// The loops of Adafactor on the CPU, compiled as element_loop.h's: each pass
// reads gradient and weight once and writes nothing that is not state.
//
//   1  rows, and the columns' part of every piece; squares of the weight
//   2  columns; the factors of rows and columns
//   3  squares of the change, whose root mean square is clipped
//   4  the weight
//
// A tensor is many matrices [batches, rows, columns]. It is taken in pieces
// that do not depend on the number of threads: several small matrices, or some
// rows of a large one.
//
// Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear
// Memory Cost", 2018, algorithms 4 and 5.
#pragma once

#include <cstdint>
#include <vector>

namespace atelier::trainer {

// Owns: nothing. All dense and in the order of indices.
struct AdafactorMemory {
  const float* grad = nullptr;
  const float* weight = nullptr;
  float* out = nullptr;     // the new weight; may be `weight`
  float* first = nullptr;   // first moment, or null
  float* row = nullptr;     // [batches, rows]
  float* column = nullptr;  // [batches, columns]
  float* row_factor = nullptr;
  float* column_factor = nullptr;
  float* whole = nullptr;  // of tensors that are no matrices
};

struct AdafactorFactors {
  float grad_scale;  // every gradient is multiplied by it first
  float eps;         // added to squares
  float beta2;
  float one_minus_beta2;
};

struct AdafactorStep {
  float size;   // of the change, clipping included
  float decay;  // 1 - rate * weight_decay
  float beta1;
  float one_minus_beta1;
};

struct AdafactorPiece {
  int64_t batch = 0;
  int64_t batches = 1;
  int64_t row = 0;  // of each of these matrices
  int64_t rows = 1;
  int64_t part = 0;  // of the column sums: [parts, batches, columns]
};

class AdafactorShape {
 public:
  AdafactorShape(int64_t batches, int64_t rows, int64_t columns);

  int64_t pieces() const { return groups_ * parts_; }
  int64_t parts() const { return parts_; }
  AdafactorPiece PieceAt(int64_t index) const;

  const int64_t batches;
  const int64_t rows;
  const int64_t columns;

 private:
  int64_t group_;      // matrices in a piece
  int64_t part_rows_;  // rows in a piece
  int64_t groups_;
  int64_t parts_;
};

// 1. `sums`: parts() * batches * columns numbers, all of which are written.
// Returns the sum of squares of the piece's weights.
double TakeSquares(const AdafactorFactors& factors, const AdafactorShape& shape,
                   const AdafactorMemory& memory, const AdafactorPiece& piece,
                   float* sums);
// 2, for matrices [begin, end).
void MakeFactors(const AdafactorFactors& factors, const AdafactorShape& shape,
                 const AdafactorMemory& memory, const float* sums,
                 int64_t begin, int64_t end);
// 3.
double SquaresOfChange(const AdafactorFactors& factors,
                       const AdafactorShape& shape,
                       const AdafactorMemory& memory,
                       const AdafactorPiece& piece);
// 4.
void ApplyChange(const AdafactorFactors& factors, const AdafactorStep& step,
                 const AdafactorShape& shape, const AdafactorMemory& memory,
                 const AdafactorPiece& piece);

// Tensors that are no matrices, elements [begin, end): 1 to 3 in one, and 4.
struct WholeSquares {
  double of_weight = 0;
  double of_change = 0;
};
WholeSquares TakeWhole(const AdafactorFactors& factors,
                       const AdafactorMemory& memory, int64_t begin,
                       int64_t end);
void ApplyWhole(const AdafactorFactors& factors, const AdafactorStep& step,
                const AdafactorMemory& memory, int64_t begin, int64_t end);

}  // namespace atelier::trainer
