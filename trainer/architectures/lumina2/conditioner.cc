#include "trainer/architectures/lumina2/conditioner.h"

#include "absl/strings/str_cat.h"

#include "trainer/tensor/device.h"

namespace atelier::trainer::lumina2 {
namespace {

// Between the system prompt and the caption, as the model was trained.
constexpr char kPromptStart[] = " <Prompt Start> ";

}  // namespace

std::string WithSystemPrompt(const std::string& system_prompt,
                             const std::string& caption) {
  if (system_prompt.empty()) return caption;
  return absl::StrCat(system_prompt, kPromptStart, caption);
}

std::vector<TextEncoder> Gemma2Conditioner::TextEncoders() const {
  if (encoder_.is_empty()) return {};
  return {{"text_encoder1", encoder_.ptr()}};
}

EncodedText Gemma2Conditioner::Encode(absl::Span<const std::string> captions,
                                      EncoderChoice choice) {
  std::vector<std::string> prompts;
  for (const std::string& caption : captions) {
    prompts.push_back(WithSystemPrompt(options_.system_prompt, caption));
  }
  return EncodeNegative(prompts, choice);
}

EncodedText Gemma2Conditioner::EncodeNegative(
    absl::Span<const std::string> captions, EncoderChoice choice) {
  if (encoder_.is_empty() || !IsChosen(*encoder_, choice)) {
    return {Tensor(), Tensor()};
  }
  const torch::Device device = encoder_->embed_tokens->weight.device();
  const SentencePieceRows rows =
      EncodeRows(*tokenizer_, captions, GemmaFrame(options_.length));
  const Tensor mask = SendTo(rows.mask, device);
  return {encoder_(SendTo(rows.ids, device), mask), mask};
}

Conditioning Gemma2Conditioner::Condition(
    const EncodedText& text, absl::Span<const ImageGeometry> /*geometry*/,
    const BatchRng* /*rng*/) {
  Conditioning conditioning;
  conditioning.context = text[0];
  conditioning.context_mask = text[1];
  return conditioning;
}

}  // namespace atelier::trainer::lumina2
