// Captions to conditioning by Gemma 2.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/text/gemma2.h"
#include "trainer/text/sentencepiece_tokenizer.h"

namespace atelier::trainer::lumina2 {

struct Gemma2TextOptions {
  int64_t length = 256;       // of every caption's row
  std::string system_prompt;  // stands before captions; empty: nothing does
};

// The text that is encoded for a caption.
std::string WithSystemPrompt(const std::string& system_prompt,
                             const std::string& caption);

// The context is the input of Gemma's last layer, without the final norm. Gemma
// is never trained.
class Gemma2Conditioner : public Conditioner {
 public:
  Gemma2Conditioner(std::unique_ptr<SentencePieceTokenizer> tokenizer,
                    Gemma2 encoder, const Gemma2TextOptions& options)
      : tokenizer_(std::move(tokenizer)),
        encoder_(std::move(encoder)),
        options_(options) {}

  // `text_encoder1`; none once released.
  std::vector<TextEncoder> TextEncoders() const override;
  // Two places: the context [B, L, D], its padded rows as they come, and its
  // mask [B, L] int64. Both are undefined once Gemma is released.
  EncodedText Encode(absl::Span<const std::string> captions,
                     EncoderChoice choice) override;
  // Without the system prompt.
  EncodedText EncodeNegative(absl::Span<const std::string> captions,
                             EncoderChoice choice) override;
  Conditioning Condition(const EncodedText& text,
                         absl::Span<const ImageGeometry> geometry,
                         const BatchRng* rng) override;
  // Source: sd-scripts' `_lumina_te.npz` files.
  std::string TextFileSuffix() const override { return "_lumina_te.npz"; }
  absl::StatusOr<EncodedText> FromTextFile(
      const TextArrays& arrays, const std::string& caption) const override;
  TextArrays ToTextFile(const EncodedText& text,
                        const std::string& caption) const override;
  // Nothing to do: what is not trained keeps no activations.
  void SetGradientCheckpointing(bool /*enabled*/) override {}
  void ReleaseFrozen() override { encoder_ = nullptr; }

 private:
  std::unique_ptr<SentencePieceTokenizer> tokenizer_;
  Gemma2 encoder_;
  Gemma2TextOptions options_;
};

}  // namespace atelier::trainer::lumina2
