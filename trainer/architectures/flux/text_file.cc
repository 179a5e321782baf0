// l_pooled [C], t5_out [L, D], txt_ids [L, 3] (zeros), t5_attn_mask [L], and
// whether that mask hid padding from T5.
#include "proto/cc/status_macros.h"
#include "trainer/architectures/flux/conditioner.h"

namespace atelier::trainer::flux {

Tensor FluxConditioner::MaskOf(const std::string& caption) const {
  return EncodeRows(*encoders_.t5_tokenizer, {caption},
                    T5Frame(options_.t5_length))
      .mask;
}

absl::StatusOr<EncodedText> FluxConditioner::FromTextFile(
    const TextArrays& arrays, const std::string& caption) const {
  RETURN_IF_ERROR(ExpectFlag(arrays, "apply_t5_attn_mask", options_.masks_t5));
  const Tensor mask = MaskOf(caption);
  RETURN_IF_ERROR(ExpectIntegers(arrays, "t5_attn_mask", mask));
  EncodedText text(3);
  ASSIGN_OR_RETURN(
      text[0], FloatRow(arrays, "l_pooled", {encoders_.clip->config().width}));
  ASSIGN_OR_RETURN(text[1], FloatRow(arrays, "t5_out",
                                     {options_.t5_length,
                                      encoders_.t5->shared->weight.size(1)}));
  if (options_.masks_t5) text[2] = mask;
  return text;
}

TextArrays FluxConditioner::ToTextFile(const EncodedText& text,
                                       const std::string& caption) const {
  if (!text[0].defined() || !text[1].defined()) return {};
  return {{"l_pooled", text[0][0].to(torch::kFloat32)},
          {"t5_out", text[1][0].to(torch::kFloat32)},
          {"txt_ids", torch::zeros({text[1].size(1), 3})},
          {"t5_attn_mask", MaskOf(caption)[0].to(torch::kInt64)},
          {"apply_t5_attn_mask", torch::tensor(options_.masks_t5)}};
}

}  // namespace atelier::trainer::flux
