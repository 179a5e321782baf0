// Preview images while training.
//
//   <output_dir>/sample/[NAME_]{e<epoch>|<step>}_<index>_<YYYYmmddHHMMSS>[_<seed>].png
//
// A preview that fails is a warning: it never ends the run. It draws from
// streams of its own and so leaves the training's random numbers as they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/train/prompt_file.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

class SampleHook {
 public:
  // Reads the prompts. All outlive this.
  // Errors: as ReadPromptFile; INVALID_ARGUMENT for a sampler that the
  // architecture does not have.
  static absl::StatusOr<SampleHook> Make(const Training& training,
                                         const std::string& output_dir,
                                         Reporter& reporter);

  // Encodes the prompts with the text encoders that are not trained, where the
  // job caches their outputs: the encoders are gone later.
  void EncodePrompts();
  // Before the first step, where asked for.
  void AtFirst();
  // After a step; `ended_epoch` is the number of the epoch that ended with it,
  // or 0.
  void AfterStep(int64_t step, int64_t ended_epoch);
  void OnRequest(int64_t step);
  // Mean distance between the pictures of the last drawing, once; none where
  // nothing was drawn since, or fewer than two.
  std::optional<double> TakeDiversity();

 private:
  SampleHook(const Training& training, std::string output_dir,
             std::vector<PreviewPrompt> prompts, Reporter& reporter);

  // `tag`: `e000003` or `000500`.
  void DrawAll(const std::string& tag);
  absl::StatusOr<SampleSaved> DrawOne(size_t index, const std::string& tag);
  absl::StatusOr<Tensor> DrawImage(size_t index, uint64_t seed);
  absl::StatusOr<Tensor> Decode(const Tensor& latents);
  uint64_t SeedOf(size_t index) const;

  const Training* training_;
  std::string output_dir_;
  std::vector<PreviewPrompt> prompts_;
  // Of each prompt, where texts are cached; otherwise empty.
  struct Encoded {
    EncodedText positive;
    EncodedText negative;
  };
  Encoded Encode(const PreviewPrompt& prompt, EncoderChoice choice) const;
  std::vector<Encoded> encoded_;
  std::vector<Tensor> thumbnails_;  // of the last drawing
  Reporter* reporter_;
};

}  // namespace atelier::trainer
