// What a row of a key table (key_rule.h) does to the tensors themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

enum class KeyDirection { kForward, kBackward };  // from -> to, to -> from

// What happens to the tensor on its way from `from` to `to`; the way back
// undoes it.
struct KeyOp {
  enum class Kind {
    kRename,
    kPart,        // one of several row blocks that stand in one tensor of `to`
    kTranspose,   // [A, B] -> [B, A]
    kSwapHalves,  // the two halves of dimension 0 change places
    kToConv1x1,   // linear [O, I] -> convolution [O, I, 1, 1]
    kToLinear,    // convolution [O, I, 1, 1] -> linear [O, I]
  };
  Kind kind = Kind::kRename;
  int part = 0;
  int parts = 1;
  int64_t share =
      1;  // rows of this part, in proportion to the other parts' shares
};

KeyOp Rename();
// Rows `part` (of `parts`, from 0) of the tensor in `to`. Parts of different
// heights say by `share` how their rows divide: q, k, v and a four times wider
// MLP have shares 1, 1, 1 and 4.
KeyOp Part(int part, int parts, int64_t share = 1);
KeyOp Transpose();
KeyOp SwapHalves();
KeyOp ToConv1x1();
KeyOp ToLinear();

// How one name of the target layout comes out of the source layout.
struct KeyPiece {
  std::string source;
  KeyOp op;
  int64_t first_share = 0;  // of this part, within total_shares
  int64_t total_shares = 1;
};

// One tensor of the target layout from its pieces' tensors, in order.
//
// Errors: INVALID_ARGUMENT naming the target, for shapes that an operation
// cannot take.
absl::StatusOr<Tensor> AssembleTensor(const std::string& target,
                                      const std::vector<KeyPiece>& pieces,
                                      const std::vector<Tensor>& tensors,
                                      KeyDirection direction);

}  // namespace atelier::trainer
