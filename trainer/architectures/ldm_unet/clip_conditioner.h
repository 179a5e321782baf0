// Captions to conditioning by CLIP, as Stable Diffusion 1 and 2 are
// conditioned.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/components/clip_tokenizer_files.h"
#include "trainer/text/clip_prompt.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/text/clip_tokenizer.h"

namespace atelier::trainer {

// A conditioner that reads captions by CLIP's vocabulary.
class LdmConditioner : public Conditioner {
 public:
  LdmConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                 ClipTokenizerFiles files)
      : tokenizer_(std::move(tokenizer)), files_(std::move(files)) {}

  const ClipTokenizerFiles& tokenizer_files() const { return files_; }

 protected:
  const ClipTokenizer& tokenizer() const { return *tokenizer_; }

 private:
  std::unique_ptr<ClipTokenizer> tokenizer_;
  ClipTokenizerFiles files_;
};

// The context is the output of the clip_skip-th layer from the end, behind the
// final norm. Captions longer than 75 tokens are encoded in rows.
class ClipConditioner : public LdmConditioner {
 public:
  // `pad` fills rows up.
  ClipConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                  ClipTokenizerFiles files,
                  std::shared_ptr<ClipTextModel> text_model, int64_t pad,
                  const ModelOptions& options);

  std::vector<TextEncoder> TextEncoders() const override;
  // One place: the context [B, 77, C], or [B, 152 or 227, C] for long captions.
  EncodedText Encode(absl::Span<const std::string> captions,
                     EncoderChoice choice) override;
  // The contexts are whole rows of 77 behind each other.
  EncodedPrompt EncodePrompt(const std::string& prompt,
                             const std::string& negative,
                             EncoderChoice choice) override;
  Conditioning Condition(const EncodedText& text,
                         absl::Span<const ImageGeometry> geometry,
                         const BatchRng* rng) override;
  void SetGradientCheckpointing(bool enabled) override;

 private:
  Tensor States(const Tensor& ids) const;

  std::shared_ptr<ClipTextModel> text_model_;
  ClipPromptOptions prompt_;
  bool is_weighted_;
  int64_t clip_skip_;
};

// Errors: INVALID_ARGUMENT for a clip_skip beyond the layers.
absl::Status CheckClipSkip(int clip_skip, const ClipTextModel& text_model);

}  // namespace atelier::trainer
