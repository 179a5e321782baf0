// Captions to conditioning by CLIP ViT-L's text encoder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/text/clip_prompt.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/text/clip_tokenizer.h"

namespace atelier::trainer::sd1 {

// The context is the output of the clip_skip-th layer from the end, behind the
// final norm. Captions longer than 75 tokens are encoded in rows.
class ClipConditioner : public Conditioner {
 public:
  ClipConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                  std::shared_ptr<ClipTextModel> text_model,
                  const ModelOptions& options);

  std::vector<TextEncoder> TextEncoders() const override;
  // Sets `context` [B, 77, C], or [B, 152 or 227, C] for long captions.
  Conditioning Encode(absl::Span<const std::string> captions,
                      absl::Span<const ImageGeometry> geometry) override;
  void SetGradientCheckpointing(bool enabled) override;

 private:
  std::unique_ptr<ClipTokenizer> tokenizer_;
  std::shared_ptr<ClipTextModel> text_model_;
  ClipPromptOptions prompt_;
  int64_t clip_skip_;
};

}  // namespace atelier::trainer::sd1
