// lg_out [77, C] and lg_pooled [P] have CLIP-L's before CLIP-G's; t5_out [L,
// D]; a mask for each encoder, 0 where padding stands, and whether masks hid
// padding from the encoders. sd-scripts writes no file without T5.
#include "proto/cc/status_macros.h"
#include "trainer/architectures/sd3/conditioner.h"
#include "trainer/text/clip_prompt.h"

namespace atelier::trainer::sd3 {
namespace {

// 1 up to the end token. Shapes: [1, 77].
Tensor MaskOfClip(const ClipTokenizer& tokenizer, const std::string& caption) {
  ClipPromptOptions prompt;
  prompt.pad = tokenizer.end();
  return ClipTextModel::MaskToEnd(
      ClipPromptIds(tokenizer, {caption}, prompt).flatten(0, 1),
      tokenizer.end());
}

}  // namespace

Tensor Sd3Conditioner::MaskOfT5(const std::string& caption) const {
  return EncodeRows(*tokenizers_.t5, {caption}, T5Frame(LengthOfT5())).mask;
}

absl::Status Sd3Conditioner::ReadClips(const TextArrays& arrays,
                                       const std::string& caption,
                                       EncodedText& text) const {
  const Tensor mask = MaskOfClip(*tokenizers_.clip, caption);
  RETURN_IF_ERROR(ExpectIntegers(arrays, "clip_l_attn_mask", mask));
  RETURN_IF_ERROR(ExpectIntegers(arrays, "clip_g_attn_mask", mask));
  ClipTextEncoder& clip_l = *encoders_.clip_l.encoder;
  ClipTextEncoder& clip_g = *encoders_.clip_g.encoder;
  const int64_t width = clip_l.config().width;
  const int64_t pooled_width = clip_l.pooled_width();
  ASSIGN_OR_RETURN(const Tensor hidden,
                   FloatRow(arrays, "lg_out",
                            {mask.size(1), width + clip_g.config().width}));
  ASSIGN_OR_RETURN(
      const Tensor pooled,
      FloatRow(arrays, "lg_pooled", {pooled_width + clip_g.pooled_width()}));
  if (IsChosen(clip_l, EncoderChoice::kFrozen)) {
    text[kClipLHidden] = hidden.slice(2, 0, width).contiguous();
    text[kClipLPooled] = pooled.slice(1, 0, pooled_width).contiguous();
  }
  if (IsChosen(clip_g, EncoderChoice::kFrozen)) {
    text[kClipGHidden] = hidden.slice(2, width).contiguous();
    text[kClipGPooled] = pooled.slice(1, pooled_width).contiguous();
  }
  return absl::OkStatus();
}

absl::StatusOr<EncodedText> Sd3Conditioner::FromTextFile(
    const TextArrays& arrays, const std::string& caption) const {
  RETURN_IF_ERROR(
      ExpectFlag(arrays, "apply_lg_attn_mask", options_.apply_lg_attn_mask));
  RETURN_IF_ERROR(
      ExpectFlag(arrays, "apply_t5_attn_mask", options_.apply_t5_attn_mask));
  EncodedText text(kTextPlaces);
  if (encoders_.clip_l.encoder != nullptr &&
      encoders_.clip_g.encoder != nullptr) {
    RETURN_IF_ERROR(ReadClips(arrays, caption, text));
  }
  if (encoders_.t5.encoder == nullptr ||
      !IsChosen(*encoders_.t5.encoder, EncoderChoice::kFrozen)) {
    return text;
  }
  RETURN_IF_ERROR(ExpectIntegers(arrays, "t5_attn_mask", MaskOfT5(caption)));
  ASSIGN_OR_RETURN(text[kT5Hidden],
                   FloatRow(arrays, "t5_out", {LengthOfT5(), context_width_}));
  return text;
}

TextArrays Sd3Conditioner::ToTextFile(const EncodedText& text,
                                      const std::string& caption) const {
  for (const Tensor& place : text) {
    if (!place.defined()) return {};
  }
  const Tensor clip_mask = MaskOfClip(*tokenizers_.clip, caption)[0];
  const auto join = [&](TextPlace l, TextPlace g) {
    return torch::cat({text[l][0], text[g][0]}, -1).to(torch::kFloat32);
  };
  return {{"lg_out", join(kClipLHidden, kClipGHidden)},
          {"lg_pooled", join(kClipLPooled, kClipGPooled)},
          {"t5_out", text[kT5Hidden][0].to(torch::kFloat32)},
          {"clip_l_attn_mask", clip_mask},
          {"clip_g_attn_mask", clip_mask},
          {"t5_attn_mask", MaskOfT5(caption)[0].to(torch::kInt64)},
          {"apply_lg_attn_mask", torch::tensor(options_.apply_lg_attn_mask)},
          {"apply_t5_attn_mask", torch::tensor(options_.apply_t5_attn_mask)}};
}

}  // namespace atelier::trainer::sd3
