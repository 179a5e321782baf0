// Finds T5's vocabulary. Captions become ids by EncodeRows and T5Frame.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/architectures/components/load_t5.h"
#include "trainer/text/sentencepiece_tokenizer.h"

namespace atelier::trainer {

// The vocabulary without its encoder; `weights`, the encoder's file or folder,
// may be empty. Errors: as OpenT5Tokenizer.
absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> OpenT5Vocabulary(
    const std::string& tokenizer_dir, const std::string& weights);

// The vocabulary: under tokenizer_dir, or `spiece.model` beside the encoder's
// file.
//
// Errors: NOT_FOUND naming what is expected; INVALID_ARGUMENT for a file that
// is no vocabulary and for one with more pieces than the encoder knows.
absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> OpenT5Tokenizer(
    const std::string& tokenizer_dir, const LoadedT5& t5);

}  // namespace atelier::trainer
