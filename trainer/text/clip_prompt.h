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

// Shapes: states [B * rows, L, C] -> [B, (L - 2) * rows + 2, C].
Tensor JoinClipRows(const Tensor& states, int64_t rows);

}  // namespace atelier::trainer
