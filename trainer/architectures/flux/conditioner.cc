#include "trainer/architectures/flux/conditioner.h"

#include "trainer/tensor/device.h"
#include "trainer/text/clip_prompt.h"

namespace atelier::trainer::flux {

std::vector<TextEncoder> FluxConditioner::TextEncoders() const {
  if (encoders_.clip == nullptr) return {};
  return {{"text_encoder1", encoders_.clip},
          {"text_encoder2", encoders_.t5.ptr()}};
}

Tensor FluxConditioner::EncodeClip(absl::Span<const std::string> captions) {
  const ClipTokenizer& tokenizer = *encoders_.clip_tokenizer;
  ClipPromptOptions prompt;
  prompt.pad = tokenizer.end();
  const Tensor ids =
      SendTo(ClipPromptIds(tokenizer, captions, prompt).flatten(0, 1),
             encoders_.clip->parameters().front().device());
  const Tensor state = encoders_.clip->HiddenStates(ids).back();
  return ClipTextModel::PoolAtEnd(ids, encoders_.clip->FinalNorm(state),
                                  tokenizer.end());
}

EncodedText FluxConditioner::Encode(absl::Span<const std::string> captions,
                                    EncoderChoice choice) {
  EncodedText text(3);
  if (encoders_.clip == nullptr) return text;
  if (IsChosen(*encoders_.clip, choice)) text[0] = EncodeClip(captions);
  if (!IsChosen(*encoders_.t5, choice)) return text;
  const torch::Device device = encoders_.t5->parameters().front().device();
  const SentencePieceRows rows = EncodeRows(*encoders_.t5_tokenizer, captions,
                                            T5Frame(options_.t5_length));
  if (options_.masks_t5) text[2] = SendTo(rows.mask, device);
  text[1] = encoders_.t5(SendTo(rows.ids, device), text[2]);
  return text;
}

Conditioning FluxConditioner::Condition(
    const EncodedText& text, absl::Span<const ImageGeometry> /*geometry*/,
    const BatchRng* /*rng*/) {
  Conditioning conditioning;
  conditioning.pooled = text[0];
  conditioning.context = text[1];
  conditioning.context_mask = text[2];
  if (options_.has_guidance) {
    conditioning.guidance =
        torch::full({text[0].size(0)}, options_.guidance_scale,
                    torch::dtype(torch::kFloat32).device(text[0].device()));
  }
  return conditioning;
}

void FluxConditioner::ReleaseFrozen() {
  encoders_.clip = nullptr;
  encoders_.t5 = nullptr;
}

}  // namespace atelier::trainer::flux
