// How captions become rows of ids for a CLIP text encoder, and how the states
// of a long caption, encoded in several rows, become one sequence again.
//
// A row is [start, 75 tokens, end]. With max_token_length 150 or 225 a caption
// has two or three rows, and its joined sequence is [start, 75 states of each
// row, end].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

#include "trainer/tensor/torch.h"
#include "trainer/text/clip_tokenizer.h"

namespace atelier::trainer {

inline constexpr int64_t kClipRowTokens = 75;

struct ClipPromptOptions {
  int64_t max_token_length = kClipRowTokens;  // 75, 150 or 225
  int64_t pad = 0;                            // fills a row: the end id, or 0
  bool no_padding = false;  // rows are only as long, and as many, as the
                            // longest caption of the batch needs
};

// Shapes: [B, rows, L], L = 77 unless no_padding is set.
Tensor ClipPromptIds(const ClipTokenizer& tokenizer,
                     absl::Span<const std::string> captions,
                     const ClipPromptOptions& options);

// Ids and a weight a token for captions with weights (prompt_weighting.h);
// start, end and padding weigh 1. Shapes: both [B, rows, 77].
struct WeightedClipPrompt {
  Tensor ids;
  Tensor weights;
};
WeightedClipPrompt WeightedClipPromptIds(const ClipTokenizer& tokenizer,
                                         absl::Span<const std::string> captions,
                                         const ClipPromptOptions& options);

// The prompts of one preview, all in as many rows as the longest needs, up to
// three. Source: Diffusers' long prompt weighting pipeline.
WeightedClipPrompt WeightedPreviewPromptIds(
    const ClipTokenizer& tokenizer, absl::Span<const std::string> prompts,
    int64_t pad);

// Shapes: states [B * rows, L, C] -> [B, (L - 2) * rows + 2, C].
Tensor JoinClipRows(const Tensor& states, int64_t rows);

// Joined states times the weight of their token, as captions are weighted in
// training. Shapes: states [B, 75 * rows + 2, C], weights [B, rows, 77].
Tensor WeighJoinedStates(const Tensor& states, const Tensor& weights);

// The states of a preview: whole rows behind each other, each state times the
// weight of its token, then scaled so that a prompt's mean stays as it was.
// Shapes: states [B * rows, 77, C], weights [B, rows, 77] -> [B, 77 * rows, C].
Tensor WeighPreviewStates(const Tensor& states, const Tensor& weights);

}  // namespace atelier::trainer
