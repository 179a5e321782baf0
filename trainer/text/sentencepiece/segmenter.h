// Cuts a normalised text into the pieces of a SentencePiece model.
//
// Source: Kudo, "Subword Regularization", arXiv 1804.10959 (unigram), and
// Sennrich et al., "Neural Machine Translation of Rare Words with Subword
// Units", arXiv 1508.07909 (BPE).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "trainer/text/sentencepiece/model_file.h"
#include "trainer/text/sentencepiece/piece_index.h"

namespace atelier::trainer {

// A part of a text and its id; the unknown piece's where there is none.
struct Segment {
  std::string_view text;
  int64_t id = 0;
};

// The segmentation with the largest sum of scores. Among equals the one that
// is found first from the left, with sums rounded to fp32 at every character,
// as the reference does.
class UnigramSegmenter {
 public:
  // `file` must outlive this.
  explicit UnigramSegmenter(const SentencePieceFile& file);
  std::vector<Segment> Segments(std::string_view text) const;

 private:
  struct Node {
    float score = 0;
    int64_t id = -1;
    int64_t begin = -1;
  };
  void Offer(Node& end, float score, int64_t id, size_t begin) const;
  float Score(int64_t id, size_t length) const;

  const SentencePieceFile& file_;
  PieceIndex index_;
  float unknown_score_ = 0;
  float largest_score_ = 0;
};

// Joins neighbours, the pair with the largest score first, the leftmost among
// equals. Pieces that are not for use are taken apart again.
class BpeSegmenter {
 public:
  // `file` must outlive this.
  explicit BpeSegmenter(const SentencePieceFile& file);
  std::vector<Segment> Segments(std::string_view text) const;

 private:
  friend class BpeMerge;

  const SentencePieceFile& file_;
  PieceIndex index_;
  PieceIndex user_defined_;
};

}  // namespace atelier::trainer
