// Captions to conditioning by CLIP-L, CLIP-G and T5.
//
// Letters: B captions, D width of the context, L T5's tokens.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/text/clip_tokenizer.h"
#include "trainer/text/sentencepiece_tokenizer.h"
#include "trainer/text/t5_encoder.h"

namespace atelier::trainer::sd3 {

// Length of a T5 row without t5xxl_max_token_length.
inline constexpr int64_t kTokensOfT5 = 256;

// The places of EncodedText.
enum TextPlace {
  kClipLHidden,  // [B, 77, 768] the input of the last layer, without final norm
  kClipLPooled,  // [B, 768] the projected end token
  kClipGHidden,  // [B, 77, 1280]
  kClipGPooled,  // [B, 1280]
  kT5Hidden,     // [B, L, D]
  kTextPlaces,
};

// A text encoder, and how it is saved.
template <typename Encoder>
struct HeldEncoder {
  std::shared_ptr<Encoder> encoder;  // null: left out, or released
  // The source's main file has it inside, and so has what is saved.
  bool is_embedded = false;
  // What its file has beside, by the name in that file; copies.
  std::map<std::string, Tensor> untouched;
};

struct TextEncoderSet {
  HeldEncoder<ClipTextEncoder> clip_l, clip_g;
  HeldEncoder<T5EncoderImpl> t5;
  // `encoder.embed_tokens.weight` stands in T5's file beside `shared.weight`.
  bool t5_repeats_embedding = false;
};

struct Tokenizers {
  std::unique_ptr<ClipTokenizer> clip;
  std::unique_ptr<SentencePieceTokenizer> t5;  // null without T5
};

// The context is CLIP-L's and CLIP-G's states side by side, padded with zeros
// to T5's width, followed by T5's; the pooled vector is both CLIPs' side by
// side. Without T5 its part is 77 rows of zeros, as the published models take
// it.
//
// apply_lg_attn_mask and apply_t5_attn_mask hide padding from the encoders'
// attention. Dropout of an encoder zeroes what it says of a caption.
class Sd3Conditioner : public Conditioner {
 public:
  Sd3Conditioner(TextEncoderSet encoders, Tokenizers tokenizers,
                 const ModelOptions& options, int64_t context_width);

  // `text_encoder1` CLIP-L, `text_encoder2` CLIP-G, `text_encoder3` T5.
  std::vector<TextEncoder> TextEncoders() const override;
  // Places: TextPlace.
  EncodedText Encode(absl::Span<const std::string> captions,
                     EncoderChoice choice) override;
  // Throws: c10::Error where an encoder's places are undefined.
  Conditioning Condition(const EncodedText& text,
                         absl::Span<const ImageGeometry> geometry,
                         const BatchRng* rng) override;
  // Source: sd-scripts' `_sd3_te.npz` files.
  std::string TextFileSuffix() const override { return "_sd3_te.npz"; }
  absl::StatusOr<EncodedText> FromTextFile(
      const TextArrays& arrays, const std::string& caption) const override;
  TextArrays ToTextFile(const EncodedText& text,
                        const std::string& caption) const override;
  void SetGradientCheckpointing(bool enabled) override;
  void ReleaseFrozen() override;

  const TextEncoderSet& encoders() const { return encoders_; }

 private:
  void EncodeClip(ClipTextEncoder& encoder, const Tensor& ids,
                  TextPlace hidden_place, EncodedText& text) const;
  Tensor EncodeT5(absl::Span<const std::string> captions) const;
  int64_t LengthOfT5() const;
  Tensor MaskOfT5(const std::string& caption) const;
  absl::Status ReadClips(const TextArrays& arrays, const std::string& caption,
                         EncodedText& text) const;
  Tensor DrawCrops(int64_t batch, const BatchRng& rng) const;

  TextEncoderSet encoders_;
  Tokenizers tokenizers_;
  ModelOptions options_;
  int64_t context_width_;
};

}  // namespace atelier::trainer::sd3
