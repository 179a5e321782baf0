#include "trainer/checkpoint/key_op.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace atelier::trainer {
namespace {

absl::Status ShapeError(const std::string& target, const Tensor& tensor,
                        absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor for '", target, "' has shape [",
      absl::StrJoin(tensor.sizes(), ", "), "], expected ", expected));
}

absl::StatusOr<Tensor> ConvertOne(const std::string& target,
                                  const KeyPiece& piece, const Tensor& tensor,
                                  KeyDirection direction) {
  const bool forward = direction == KeyDirection::kForward;
  const KeyOp::Kind kind = piece.op.kind;
  if (kind == KeyOp::Kind::kRename) return tensor;
  if (kind == KeyOp::Kind::kTranspose) {
    if (tensor.dim() != 2) return ShapeError(target, tensor, "2 dimensions");
    return tensor.t().contiguous();
  }
  if (kind == KeyOp::Kind::kSwapHalves) {
    if (tensor.dim() == 0 || tensor.size(0) % 2 != 0) {
      return ShapeError(target, tensor, "an even number of rows");
    }
    const std::vector<Tensor> halves = tensor.chunk(2, 0);
    return torch::cat({halves[1], halves[0]}, 0);
  }
  if ((kind == KeyOp::Kind::kToConv1x1) == forward) {
    if (tensor.dim() != 2) return ShapeError(target, tensor, "2 dimensions");
    return tensor.reshape({tensor.size(0), tensor.size(1), 1, 1});
  }
  if (tensor.dim() != 4 || tensor.size(2) != 1 || tensor.size(3) != 1) {
    return ShapeError(target, tensor, "a 1x1 convolution [O, I, 1, 1]");
  }
  return tensor.reshape({tensor.size(0), tensor.size(1)});
}

absl::StatusOr<Tensor> TakePart(const std::string& target,
                                const KeyPiece& piece, const Tensor& tensor) {
  if (tensor.dim() == 0 || tensor.size(0) % piece.total_shares != 0) {
    return ShapeError(target, tensor,
                      absl::StrCat("rows that divide by ", piece.total_shares));
  }
  const int64_t unit = tensor.size(0) / piece.total_shares;
  return tensor.narrow(0, piece.first_share * unit, piece.op.share * unit)
      .contiguous();
}

absl::StatusOr<Tensor> JoinParts(const std::string& target,
                                 const std::vector<KeyPiece>& pieces,
                                 const std::vector<Tensor>& tensors) {
  const Tensor& first = tensors[0];
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Tensor& tensor = tensors[i];
    const bool fits = tensor.dim() > 0 && tensor.dim() == first.dim() &&
                      tensor.sizes().slice(1) == first.sizes().slice(1) &&
                      tensor.scalar_type() == first.scalar_type() &&
                      tensor.size(0) * pieces[0].op.share ==
                          first.size(0) * pieces[i].op.share;
    if (!fits) {
      return ShapeError(
          target, tensor,
          absl::StrCat("one that fits that of ", pieces[0].source, " [",
                       absl::StrJoin(first.sizes(), ", "), "]"));
    }
  }
  return torch::cat(tensors, 0);
}

}  // namespace

KeyOp Rename() { return {}; }
KeyOp Part(int part, int parts, int64_t share) {
  return {KeyOp::Kind::kPart, part, parts, share};
}
KeyOp Transpose() { return {KeyOp::Kind::kTranspose, 0, 1, 1}; }
KeyOp SwapHalves() { return {KeyOp::Kind::kSwapHalves, 0, 1, 1}; }
KeyOp ToConv1x1() { return {KeyOp::Kind::kToConv1x1, 0, 1, 1}; }
KeyOp ToLinear() { return {KeyOp::Kind::kToLinear, 0, 1, 1}; }

absl::StatusOr<Tensor> AssembleTensor(const std::string& target,
                                      const std::vector<KeyPiece>& pieces,
                                      const std::vector<Tensor>& tensors,
                                      KeyDirection direction) {
  if (pieces[0].op.kind != KeyOp::Kind::kPart) {
    return ConvertOne(target, pieces[0], tensors[0], direction);
  }
  if (direction == KeyDirection::kBackward) {
    return TakePart(target, pieces[0], tensors[0]);
  }
  return JoinParts(target, pieces, tensors);
}

}  // namespace atelier::trainer
