// hidden_state1 [L, C1], hidden_state2 [L, C2], pool2 [P]: the places as they
// are.
#include "proto/cc/status_macros.h"
#include "trainer/architectures/sdxl/conditioner.h"

namespace atelier::trainer::sdxl {

absl::StatusOr<EncodedText> SdxlConditioner::FromTextFile(
    const TextArrays& arrays, const std::string& /*caption*/) const {
  const int64_t length = prompt_.max_token_length + 2;
  EncodedText text(kTextPlaces);
  ASSIGN_OR_RETURN(text[kClipLHidden],
                   FloatRow(arrays, "hidden_state1",
                            {length, encoders_.clip_l->config().width}));
  ASSIGN_OR_RETURN(text[kClipGHidden],
                   FloatRow(arrays, "hidden_state2",
                            {length, encoders_.clip_g->config().width}));
  ASSIGN_OR_RETURN(
      text[kClipGPooled],
      FloatRow(arrays, "pool2", {encoders_.clip_g->pooled_width()}));
  return text;
}

TextArrays SdxlConditioner::ToTextFile(const EncodedText& text,
                                       const std::string& /*caption*/) const {
  for (const Tensor& place : text) {
    if (!place.defined()) return {};
  }
  return {{"hidden_state1", text[kClipLHidden][0].to(torch::kFloat32)},
          {"hidden_state2", text[kClipGHidden][0].to(torch::kFloat32)},
          {"pool2", text[kClipGPooled][0].to(torch::kFloat32)}};
}

}  // namespace atelier::trainer::sdxl
