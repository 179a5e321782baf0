// Captions and image sizes to conditioning by CLIP ViT-L and OpenCLIP bigG.
//
// Letters: B captions, L tokens, C1 and C2 widths of the encoders, P of the
// projection.
// Source: "SDXL: Improving Latent Diffusion Models for High-Resolution Image
// Synthesis", 2023.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/ldm_unet/clip_conditioner.h"
#include "trainer/text/clip_prompt.h"

namespace atelier::trainer::sdxl {

// The places of EncodedText. The states are the inputs of each last layer,
// without a final norm.
enum TextPlace {
  kClipLHidden,  // [B, L, C1], L = 77, or 152 or 227 for long captions
  kClipGHidden,  // [B, L, C2]
  kClipGPooled,  // [B, P] the projected end token, of the caption's first row
  kTextPlaces,
};

struct ClipPair {
  std::shared_ptr<ClipTextEncoder> clip_l;
  std::shared_ptr<ClipTextEncoder> clip_g;
};

class SdxlConditioner : public LdmConditioner {
 public:
  SdxlConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                  ClipTokenizerFiles files, ClipPair encoders,
                  const ModelOptions& options);

  // `text_encoder1` CLIP-L, `text_encoder2` bigG.
  std::vector<TextEncoder> TextEncoders() const override;
  // Places: TextPlace.
  EncodedText Encode(absl::Span<const std::string> captions,
                     EncoderChoice choice) override;
  // The states are whole rows of 77 behind each other.
  EncodedPrompt EncodePrompt(const std::string& prompt,
                             const std::string& negative,
                             EncoderChoice choice) override;
  // The context is both states side by side. size_ids are height before width
  // of the original, the crop's corner (top, left) and the trained size.
  Conditioning Condition(const EncodedText& text,
                         absl::Span<const ImageGeometry> geometry,
                         const BatchRng* rng) override;
  // Source: sd-scripts' `_te_outputs.npz` files.
  std::string TextFileSuffix() const override { return "_te_outputs.npz"; }
  absl::StatusOr<EncodedText> FromTextFile(
      const TextArrays& arrays, const std::string& caption) const override;
  TextArrays ToTextFile(const EncodedText& text,
                        const std::string& caption) const override;
  void SetGradientCheckpointing(bool enabled) override;

 private:
  // How captions, or the prompts of a preview, become rows, and rows a
  // sequence.
  enum class Form { kCaptions, kPreview };

  WeightedClipPrompt RowsOf(absl::Span<const std::string> texts, Form form,
                            int64_t pad) const;
  Tensor Sequence(const Tensor& states, const WeightedClipPrompt& rows,
                  Form form) const;
  EncodedText EncodeAs(absl::Span<const std::string> texts, Form form,
                       EncoderChoice choice);
  void EncodeClipL(absl::Span<const std::string> texts, Form form,
                   EncodedText& text);
  void EncodeClipG(absl::Span<const std::string> texts, Form form,
                   EncodedText& text);

  ClipPair encoders_;
  ClipPromptOptions prompt_;
  bool is_weighted_;
};

}  // namespace atelier::trainer::sdxl
