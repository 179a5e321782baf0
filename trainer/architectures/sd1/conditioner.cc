#include "trainer/architectures/sd1/conditioner.h"

namespace atelier::trainer::sd1 {

ClipConditioner::ClipConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                                 std::shared_ptr<ClipTextModel> text_model,
                                 const ModelOptions& options)
    : tokenizer_(std::move(tokenizer)),
      text_model_(std::move(text_model)),
      clip_skip_(options.clip_skip) {
  prompt_.max_token_length = options.max_token_length;
  prompt_.pad = tokenizer_->end();
  prompt_.no_padding = options.no_token_padding;
}

std::vector<TextEncoder> ClipConditioner::TextEncoders() const {
  return {{"text_encoder", text_model_}};
}

Conditioning ClipConditioner::Encode(
    absl::Span<const std::string> captions,
    absl::Span<const ImageGeometry> /*geometry*/) {
  const torch::Device device = text_model_->parameters().front().device();
  const Tensor ids =
      ClipPromptIds(*tokenizer_, captions, prompt_).to(device);  // [B, rows, L]
  const Tensor state =
      text_model_->HiddenStates(ids.flatten(0, 1), clip_skip_).back();
  Conditioning conditioning;
  conditioning.context =
      JoinClipRows(text_model_->FinalNorm(state), ids.size(1));
  return conditioning;
}

void ClipConditioner::SetGradientCheckpointing(bool enabled) {
  text_model_->SetGradientCheckpointing(enabled);
}

}  // namespace atelier::trainer::sd1
