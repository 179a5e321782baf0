// Captions to the ids of a SentencePiece vocabulary, as T5 (a unigram model)
// and Gemma (BPE with bytes for what is unknown) read them.
//
// The published library is not linked: Debian's build exports an older protocol
// buffer runtime, which ends any process that has the current one. Texts that
// spell special pieces (`<bos>`, `</s>`) stay texts.
//
// Source: Kudo and Richardson, "SentencePiece", arXiv 1808.06226.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

class SentencePieceTokenizer {
 public:
  // Errors: NOT_FOUND, and INVALID_ARGUMENT for a file that is no SentencePiece
  // model or a damaged one, naming it.
  static absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> Open(
      const std::string& path);
  // From a model in memory, as checkpoints of a whole model carry it; `origin`
  // names it in errors.
  static absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> Parse(
      std::string_view model, const std::string& origin);
  ~SentencePieceTokenizer();

  // The pieces of a text, without begin and end. Threads: any.
  std::vector<int64_t> Encode(const std::string& text) const;
  // Ids are below this.
  int64_t vocabulary() const;

 private:
  struct Model;
  explicit SentencePieceTokenizer(std::unique_ptr<Model> model);

  std::unique_ptr<Model> model_;
};

// What stands around the pieces of a caption.
struct SentencePieceFrame {
  std::optional<int64_t> begin_id;
  std::optional<int64_t> end_id;
  int64_t pad_id = 0;
  int64_t length = 0;  // of every row
};

SentencePieceFrame T5Frame(int64_t length);     // end 1, pad 0
SentencePieceFrame GemmaFrame(int64_t length);  // begin 2, pad 0

struct SentencePieceRows {
  Tensor ids;   // [B, length] int64, padded on the right
  Tensor mask;  // [B, length] int64, 0 where padding stands
};

// Captions that are too long lose their last pieces; begin and end stay.
SentencePieceRows EncodeRows(const SentencePieceTokenizer& tokenizer,
                             absl::Span<const std::string> captions,
                             const SentencePieceFrame& frame);

}  // namespace atelier::trainer
