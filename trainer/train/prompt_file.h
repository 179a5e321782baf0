// Prompts for previews: text lines with flags, TOML or JSON, in sd-scripts'
// grammar.
//
//   a cat on a mat --n blurry --w 512 --h 768 --d 42 --s 30 --l 7.5 --ss euler
//
//   n negative prompt    w, h size in pixels     d seed       s steps, 1 to
//   1000 l guidance (CFG)     ss sampler         g embedded guidance (FLUX)
//   fs flow shift        ctr share of steps with guidance, rcfg its largest
//   norm (Lumina 2)
//
// Flags are separated by ` --`, in any letter case; unknown ones are ignored.
// In a .txt file blank lines and lines that begin with `#` are left out. In
// TOML and JSON the keys are prompt, negative_prompt, width, height, seed,
// sample_steps, scale, sample_sampler, guidance_scale, flow_shift,
// cfg_trunc_ratio and renorm_cfg; TOML has them in `[prompt]`, for all,
// and
// `[[prompt.subset]]`; JSON is a list of objects or of lines.
// Deviation: the prompt itself is never taken for a flag, as sd-scripts does
// with one like `h 3 …`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::trainer {

struct PreviewPrompt {
  std::string prompt;
  std::string negative_prompt;
  int width = 512;  // rounded down to a multiple of 8, at least 64
  int height = 512;
  int steps = 30;
  double scale = 7.5;
  std::optional<uint64_t> seed;
  std::string sampler;  // empty: that of the options
  std::optional<double> guidance_scale;
  std::optional<double> flow_shift;
  std::optional<double> cfg_trunc_ratio;
  std::optional<double> renorm_cfg;
};

// `base` has what the line does not say. Errors: INVALID_ARGUMENT for a flag
// that is known and a value that is not.
absl::StatusOr<PreviewPrompt> ParsePromptLine(absl::string_view line,
                                              const PreviewPrompt& base = {});

// By the file's ending. Errors: NOT_FOUND and so on for the file;
// INVALID_ARGUMENT naming file and place.
absl::StatusOr<std::vector<PreviewPrompt>> ReadPromptFile(
    const std::string& path, const PreviewPrompt& base = {});

}  // namespace atelier::trainer
