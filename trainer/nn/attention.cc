#include "trainer/nn/attention.h"

namespace atelier::trainer {
namespace {

// [B, L, H * D] -> [B, H, L, D]
Tensor SplitHeads(const Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
}

}  // namespace

Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v,
              const AttentionOptions& options) {
  TORCH_CHECK(options.heads > 0 && q.size(2) % options.heads == 0, "attention ",
              q.size(2), " wide cannot have ", options.heads, " heads");
  const Tensor out = at::scaled_dot_product_attention(
      SplitHeads(q, options.heads), SplitHeads(k, options.heads),
      SplitHeads(v, options.heads), {}, /*dropout_p=*/0.0, options.causal);
  return out.transpose(1, 2).flatten(2);  // [B, Lq, H * D]
}

}  // namespace atelier::trainer
