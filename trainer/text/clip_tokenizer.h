// CLIP's tokenizer: composed, lower-cased text in pieces, each merged by
// byte-pair encoding.
//
// Source: the vocabulary files and the regular expression published with
// "Learning Transferable Visual Models From Natural Language Supervision",
// 2021; the normal form is that of the Hugging Face tokenizer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"

namespace atelier::trainer {

class ClipTokenizer {
 public:
  // Reads vocab.json and merges.txt of a folder.
  //
  // Errors: NOT_FOUND, INVALID_ARGUMENT naming the file, and the line of a
  // merge that does not fit the vocabulary.
  static absl::StatusOr<std::unique_ptr<ClipTokenizer>> Open(
      const std::string& folder);

  // Ids without start and end. The texts `<|startoftext|>` and
  // `<|endoftext|>` are the ids they name. Threads: any.
  std::vector<int64_t> Encode(std::string_view text) const;

  int64_t start() const { return start_; }
  int64_t end() const { return end_; }

 private:
  struct Merge {
    size_t rank = 0;
    int64_t id = 0;
  };

  ClipTokenizer() = default;
  absl::Status ReadVocabulary(const std::string& path);
  absl::Status ReadMerges(const std::string& path);
  void AppendWord(std::u32string_view word, std::vector<int64_t>& ids) const;
  void AppendWords(std::u32string_view text, std::vector<int64_t>& ids) const;

  std::unordered_map<std::string, int64_t> vocabulary_;  // while reading only
  std::unordered_map<uint64_t, Merge> merges_;           // by both ids
  std::array<int64_t, 256> byte_ids_{};
  std::array<int64_t, 256> last_byte_ids_{};  // at the end of a word
  int64_t start_ = 0;
  int64_t end_ = 0;
};

}  // namespace atelier::trainer
