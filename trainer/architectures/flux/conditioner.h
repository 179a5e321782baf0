// Captions to conditioning by CLIP ViT-L's pooled state and T5's states.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/text/clip_tokenizer.h"
#include "trainer/text/sentencepiece_tokenizer.h"
#include "trainer/text/t5_encoder.h"

namespace atelier::trainer::flux {

struct FluxTextEncoders {
  std::unique_ptr<ClipTokenizer> clip_tokenizer;
  std::shared_ptr<ClipTextModel> clip;
  std::unique_ptr<SentencePieceTokenizer> t5_tokenizer;
  T5Encoder t5{nullptr};
};

struct FluxTextOptions {
  int64_t t5_length = 512;
  bool masks_t5 = false;  // padding is hidden from T5 and from the transformer
  bool has_guidance = true;
  double guidance_scale = 3.5;
};

// Neither encoder is ever trained.
class FluxConditioner : public Conditioner {
 public:
  FluxConditioner(FluxTextEncoders encoders, const FluxTextOptions& options)
      : encoders_(std::move(encoders)), options_(options) {}

  // `text_encoder1` is CLIP, `text_encoder2` T5; none once released.
  std::vector<TextEncoder> TextEncoders() const override;
  // Three places: CLIP's final state at the end token, not projected [B, 768];
  // T5's states behind the final norm [B, L, 4096], L being t5_length; T5's
  // mask [B, L], undefined unless masks_t5 is set. All are undefined once the
  // encoders are released.
  EncodedText Encode(absl::Span<const std::string> captions,
                     EncoderChoice choice) override;
  // `guidance` is guidance_scale for every caption; undefined for schnell.
  Conditioning Condition(const EncodedText& text,
                         absl::Span<const ImageGeometry> geometry,
                         const BatchRng* rng) override;
  // Source: sd-scripts' `_flux_te.npz` files.
  std::string TextFileSuffix() const override { return "_flux_te.npz"; }
  absl::StatusOr<EncodedText> FromTextFile(
      const TextArrays& arrays, const std::string& caption) const override;
  TextArrays ToTextFile(const EncodedText& text,
                        const std::string& caption) const override;
  // Nothing to do: what is not trained keeps no activations.
  void SetGradientCheckpointing(bool /*enabled*/) override {}
  void ReleaseFrozen() override;

 private:
  Tensor EncodeClip(absl::Span<const std::string> captions);
  Tensor MaskOf(const std::string& caption) const;  // [1, L]

  FluxTextEncoders encoders_;
  FluxTextOptions options_;
};

}  // namespace atelier::trainer::flux
