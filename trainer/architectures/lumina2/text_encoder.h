// Finds and loads Gemma 2 and its tokenizer.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/text/gemma2.h"
#include "trainer/text/sentencepiece_tokenizer.h"

namespace atelier::trainer::lumina2 {

struct LoadedGemma2 {
  Gemma2 encoder{nullptr};
  std::unique_ptr<SentencePieceTokenizer> tokenizer;
};

// The weights: the file, the shards or the folder of the option `gemma2`, with
// or without `model.` before their names, or the main checkpoint's. The
// tokenizer: what the weights' file carries as `spiece_model`,
// `tokenizer.model` beside them or in the folder `tokenizer` of their model, or
// tokenizer_dir's.
//
// Errors: NOT_FOUND without weights or tokenizer, saying where they may stand;
// INVALID_ARGUMENT for a file that holds something else, names and shapes that
// do not fit, a width other than `width`, and a tokenizer with more ids than
// the embedding; DATA_LOSS for weights that are not finite.
absl::StatusOr<LoadedGemma2> LoadGemma2(const ModelSources& sources,
                                        const ModelOptions& options,
                                        int64_t width);

// The tokenizer alone, as LoadGemma2 finds it; `source`, the weights, may be
// null. Errors: as LoadGemma2's for the tokenizer.
absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> OpenGemma2Tokenizer(
    const CheckpointSource* source, const std::string& tokenizer_dir);

}  // namespace atelier::trainer::lumina2
