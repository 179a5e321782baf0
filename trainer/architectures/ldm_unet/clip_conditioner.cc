#include "trainer/architectures/ldm_unet/clip_conditioner.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace atelier::trainer {

ClipConditioner::ClipConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                                 ClipTokenizerFiles files,
                                 std::shared_ptr<ClipTextModel> text_model,
                                 int64_t pad, const ModelOptions& options)
    : LdmConditioner(std::move(tokenizer), std::move(files)),
      text_model_(std::move(text_model)),
      clip_skip_(options.clip_skip > 0 ? options.clip_skip : 1) {
  prompt_.max_token_length = options.max_token_length;
  prompt_.pad = pad;
  prompt_.no_padding = options.no_token_padding;
}

std::vector<TextEncoder> ClipConditioner::TextEncoders() const {
  return {{"text_encoder", text_model_}};
}

EncodedText ClipConditioner::Encode(absl::Span<const std::string> captions,
                                    EncoderChoice choice) {
  if (!IsChosen(*text_model_, choice)) return {Tensor()};
  const torch::Device device = text_model_->parameters().front().device();
  const Tensor ids =
      ClipPromptIds(tokenizer(), captions, prompt_).to(device);  // [B, rows, L]
  const Tensor state =
      text_model_->HiddenStates(ids.flatten(0, 1), clip_skip_).back();
  return {JoinClipRows(text_model_->FinalNorm(state), ids.size(1))};
}

Conditioning ClipConditioner::Condition(
    const EncodedText& text, absl::Span<const ImageGeometry> /*geometry*/,
    const BatchRng* /*rng*/) {
  Conditioning conditioning;
  conditioning.context = text[0];
  return conditioning;
}

void ClipConditioner::SetGradientCheckpointing(bool enabled) {
  text_model_->SetGradientCheckpointing(enabled);
}

absl::Status CheckClipSkip(int clip_skip, const ClipTextModel& text_model) {
  const int64_t layers = text_model.config().layers;
  if (clip_skip <= layers) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "clip_skip is ", clip_skip,
      "; must be from 1 to the number of the text encoder's layers, ", layers));
}

}  // namespace atelier::trainer
