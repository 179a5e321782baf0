#include "trainer/nn/attention.h"

#include <optional>

namespace atelier::trainer {
namespace {

// [B, L, H * D] -> [B, H, L, D]
Tensor SplitHeads(const Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
}

// [B, 1, 1 or L, L]: whether a query sees a key.
Tensor VisibleKeys(const Tensor& mask, bool causal) {
  const Tensor keys = mask.to(torch::kBool).unsqueeze(1).unsqueeze(1);
  if (!causal) return keys;
  const int64_t length = mask.size(1);
  return keys.logical_and(torch::ones({length, length}, keys.options()).tril());
}

}  // namespace

Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v,
              const AttentionOptions& options) {
  TORCH_CHECK(options.heads > 0 && q.size(2) % options.heads == 0, "attention ",
              q.size(2), " wide cannot have ", options.heads, " heads");
  const bool is_masked = options.mask.defined();
  const std::optional<Tensor> visible =
      is_masked ? std::optional(VisibleKeys(options.mask, options.causal))
                : std::nullopt;
  const Tensor out = at::scaled_dot_product_attention(
      SplitHeads(q, options.heads), SplitHeads(k, options.heads),
      SplitHeads(v, options.heads), visible, /*dropout_p=*/0.0,
      options.causal && !is_masked);
  return out.transpose(1, 2).flatten(2);  // [B, Lq, H * D]
}

}  // namespace atelier::trainer
