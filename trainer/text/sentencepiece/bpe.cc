#include <map>
#include <queue>
#include <utility>

#include "trainer/text/sentencepiece/normalizer.h"
#include "trainer/text/sentencepiece/segmenter.h"

namespace atelier::trainer {

// The joining of one text.
class BpeMerge {
 public:
  BpeMerge(const BpeSegmenter& model, std::string_view text);
  std::vector<Segment> Run();

 private:
  // Parts of the text in a doubly linked list; joined ones become empty.
  struct Symbol {
    std::string_view text;
    int64_t previous = -1;
    int64_t next = -1;
    bool is_fixed = false;  // user defined
  };
  struct Pair {
    int64_t left = 0;
    int64_t right = 0;
    float score = 0;
    size_t bytes = 0;

    bool operator<(const Pair& other) const {
      return score < other.score || (score == other.score && left > other.left);
    }
  };
  struct Parts {
    std::string_view left, right;
  };

  Symbol& At(int64_t i) { return symbols_[static_cast<size_t>(i)]; }
  const Piece& PieceOf(int64_t id) const {
    return model_.file_.pieces[static_cast<size_t>(id)];
  }
  void Offer(int64_t left, int64_t right);
  void Join(const Pair& pair);
  void AppendSegments(std::string_view symbol, std::vector<Segment>& segments);

  const BpeSegmenter& model_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Pair> pairs_;
  // What pieces that are not for use were joined from.
  std::map<std::string_view, Parts> unused_;
};

BpeMerge::BpeMerge(const BpeSegmenter& model, std::string_view text)
    : model_(model) {
  while (!text.empty()) {
    Symbol symbol;
    size_t length = model_.user_defined_.LongestPrefix(text);
    symbol.is_fixed = length > 0;
    if (length == 0) length = CharacterBytes(text);
    symbol.text = text.substr(0, length);
    text.remove_prefix(length);
    const auto place = static_cast<int64_t>(symbols_.size());
    symbol.previous = place - 1;
    symbol.next = text.empty() ? -1 : place + 1;
    symbols_.push_back(symbol);
  }
}

void BpeMerge::Offer(int64_t left, int64_t right) {
  if (left < 0 || right < 0 || At(left).is_fixed || At(right).is_fixed) return;
  const Parts parts = {At(left).text, At(right).text};
  const std::string_view joined(parts.left.data(),
                                parts.left.size() + parts.right.size());
  const int64_t id = model_.index_.Find(joined);
  if (id < 0) return;
  pairs_.push({left, right, PieceOf(id).score, joined.size()});
  if (PieceOf(id).type == PieceType::kUnused) unused_[joined] = parts;
}

void BpeMerge::Join(const Pair& pair) {
  Symbol& left = At(pair.left);
  Symbol& right = At(pair.right);
  // One of them has been joined with another meanwhile.
  if (left.text.empty() || right.text.empty() ||
      left.text.size() + right.text.size() != pair.bytes) {
    return;
  }
  left.text = {left.text.data(), pair.bytes};
  left.next = right.next;
  if (right.next >= 0) At(right.next).previous = pair.left;
  right.text = {};
  Offer(left.previous, pair.left);
  Offer(pair.left, left.next);
}

void BpeMerge::AppendSegments(std::string_view symbol,
                              std::vector<Segment>& segments) {
  // Taken apart from a stack, whose depth a vocabulary could abuse.
  std::vector<std::string_view> left_to_do = {symbol};
  while (!left_to_do.empty()) {
    const std::string_view text = left_to_do.back();
    left_to_do.pop_back();
    const int64_t id = model_.index_.Find(text);
    const auto parts = unused_.find(text);
    const bool is_unused = id >= 0 && PieceOf(id).type == PieceType::kUnused;
    if (is_unused && parts != unused_.end()) {
      left_to_do.push_back(parts->second.right);
      left_to_do.push_back(parts->second.left);
    } else {
      segments.push_back({text, id < 0 ? model_.file_.unknown_id : id});
    }
  }
}

std::vector<Segment> BpeMerge::Run() {
  for (size_t i = 1; i < symbols_.size(); ++i) {
    Offer(static_cast<int64_t>(i) - 1, static_cast<int64_t>(i));
  }
  while (!pairs_.empty()) {
    const Pair pair = pairs_.top();
    pairs_.pop();
    Join(pair);
  }
  std::vector<Segment> segments;
  for (int64_t i = symbols_.empty() ? -1 : 0; i >= 0; i = At(i).next) {
    AppendSegments(At(i).text, segments);
  }
  return segments;
}

BpeSegmenter::BpeSegmenter(const SentencePieceFile& file)
    : file_(file),
      index_(file.pieces, [](const Piece& piece) { return piece.is_text(); }),
      user_defined_(file.pieces, [](const Piece& piece) {
        return piece.type == PieceType::kUserDefined;
      }) {}

std::vector<Segment> BpeSegmenter::Segments(std::string_view text) const {
  return BpeMerge(*this, text).Run();
}

}  // namespace atelier::trainer
