// Viterbi's algorithm over the characters of a text: node i holds the best
// segmentation of the first i bytes and the piece that it ends with.
#include <algorithm>
#include <limits>

#include "trainer/text/sentencepiece/normalizer.h"
#include "trainer/text/sentencepiece/segmenter.h"

namespace atelier::trainer {
namespace {

// How much worse than the worst piece an unknown character is, and what a user
// defined piece gives away: values of the reference.
constexpr float kUnknownPenalty = 10;
constexpr float kUserDefinedPenalty = 0.1f;

}  // namespace

UnigramSegmenter::UnigramSegmenter(const SentencePieceFile& file)
    : file_(file),
      index_(file.pieces, [](const Piece& piece) { return piece.is_text(); }) {
  float smallest = std::numeric_limits<float>::max();
  largest_score_ = std::numeric_limits<float>::min();
  for (const Piece& piece : file.pieces) {
    if (piece.type != PieceType::kNormal) continue;
    smallest = std::min(smallest, piece.score);
    largest_score_ = std::max(largest_score_, piece.score);
  }
  unknown_score_ = smallest - kUnknownPenalty;
}

float UnigramSegmenter::Score(int64_t id, size_t length) const {
  const Piece& piece = file_.pieces[static_cast<size_t>(id)];
  if (piece.type != PieceType::kUserDefined) return piece.score;
  return static_cast<float>(length) * largest_score_ - kUserDefinedPenalty;
}

void UnigramSegmenter::Offer(Node& end, float score, int64_t id,
                             size_t begin) const {
  if (end.begin >= 0 && score <= end.score) return;
  end = {score, id, static_cast<int64_t>(begin)};
}

std::vector<Segment> UnigramSegmenter::Segments(std::string_view text) const {
  std::vector<Node> nodes(text.size() + 1);
  size_t begin = 0;
  while (begin < text.size()) {
    const std::string_view rest = text.substr(begin);
    const size_t character = CharacterBytes(rest);
    const float so_far = nodes[begin].score;
    bool has_character = false;
    index_.ForEachPrefix(rest, [&](size_t length, int64_t id) {
      const Piece& piece = file_.pieces[static_cast<size_t>(id)];
      if (piece.type == PieceType::kUnused) return;
      Offer(nodes[begin + length], Score(id, length) + so_far, id, begin);
      has_character = has_character || length == character;
    });
    if (!has_character) {
      Offer(nodes[begin + character], unknown_score_ + so_far, file_.unknown_id,
            begin);
    }
    begin += character;
  }
  std::vector<Segment> segments;
  for (size_t end = text.size(); end > 0;) {
    const Node& node = nodes[end];
    const auto from = static_cast<size_t>(node.begin);
    segments.push_back({text.substr(from, end - from), node.id});
    end = from;
  }
  std::reverse(segments.begin(), segments.end());
  return segments;
}

}  // namespace atelier::trainer
