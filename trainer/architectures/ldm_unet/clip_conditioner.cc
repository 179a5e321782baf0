#include "trainer/architectures/ldm_unet/clip_conditioner.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "trainer/tensor/device.h"

namespace atelier::trainer {

ClipConditioner::ClipConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                                 ClipTokenizerFiles files,
                                 std::shared_ptr<ClipTextModel> text_model,
                                 int64_t pad, const ModelOptions& options)
    : LdmConditioner(std::move(tokenizer), std::move(files)),
      text_model_(std::move(text_model)),
      is_weighted_(options.weighted_captions),
      clip_skip_(options.clip_skip > 0 ? options.clip_skip : 1) {
  prompt_.max_token_length = options.max_token_length;
  prompt_.pad = pad;
  prompt_.no_padding = options.no_token_padding;
}

std::vector<TextEncoder> ClipConditioner::TextEncoders() const {
  return {{"text_encoder", text_model_}};
}

// The states of every row, behind the final norm.
//
// Shapes: ids [B, rows, L] -> [B * rows, L, C].
Tensor ClipConditioner::States(const Tensor& ids) const {
  const torch::Device device = text_model_->parameters().front().device();
  const Tensor rows = SendTo(ids.flatten(0, 1), device);
  return text_model_->FinalNorm(
      text_model_->HiddenStates(rows, clip_skip_).back());
}

EncodedText ClipConditioner::Encode(absl::Span<const std::string> captions,
                                    EncoderChoice choice) {
  if (!IsChosen(*text_model_, choice)) return {Tensor()};
  if (is_weighted_) {
    const WeightedClipPrompt prompt =
        WeightedClipPromptIds(tokenizer(), captions, prompt_);
    return {WeighJoinedStates(
        JoinClipRows(States(prompt.ids), prompt.ids.size(1)), prompt.weights)};
  }
  const Tensor ids = ClipPromptIds(tokenizer(), captions, prompt_);
  return {JoinClipRows(States(ids), ids.size(1))};
}

EncodedPrompt ClipConditioner::EncodePrompt(const std::string& prompt,
                                            const std::string& negative,
                                            EncoderChoice choice) {
  if (!IsChosen(*text_model_, choice)) return {{Tensor()}, {Tensor()}};
  const WeightedClipPrompt both =
      WeightedPreviewPromptIds(tokenizer(), {prompt, negative}, prompt_.pad);
  const Tensor context = WeighPreviewStates(States(both.ids), both.weights);
  return {{context.narrow(0, 0, 1)}, {context.narrow(0, 1, 1)}};
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
