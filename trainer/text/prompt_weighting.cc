#include "trainer/text/prompt_weighting.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"

namespace atelier::trainer {
namespace {

constexpr double kRoundFactor = 1.1;
constexpr double kSquareFactor = 1 / 1.1;

void MultiplyFrom(size_t first, double factor,
                  std::vector<WeightedText>& parts) {
  for (size_t i = first; i < parts.size(); ++i) parts[i].weight *= factor;
}

// `:1.2)` at the start of `text`: its number and length.
struct WeightEnd {
  double weight = 1;
  size_t length = 0;
};
std::optional<WeightEnd> ReadWeightEnd(std::string_view text) {
  size_t end = 1;
  if (end < text.size() && (text[end] == '+' || text[end] == '-')) ++end;
  const size_t digits = end;
  end = std::min(text.find_first_not_of("0123456789.", end), text.size());
  if (end == digits || end == text.size() || text[end] != ')') return {};
  WeightEnd result;
  if (!absl::SimpleAtod(std::string(text.substr(1, end - 1)), &result.weight))
    return {};
  result.length = end + 1;
  return result;
}

// Brackets that wait for their end, as places in the list of parts.
struct OpenBrackets {
  std::vector<size_t> round;
  std::vector<size_t> square;
};

void Close(std::vector<size_t>& open, double factor, std::string_view literal,
           std::vector<WeightedText>& parts) {
  if (open.empty()) {
    parts.push_back({std::string(literal), 1});
    return;
  }
  MultiplyFrom(open.back(), factor, parts);
  open.pop_back();
}

// Reads one element at the start of `text` and returns its length.
size_t ReadElement(std::string_view text, OpenBrackets& open,
                   std::vector<WeightedText>& parts) {
  const char c = text[0];
  if (c == '\\') {
    const bool escapes =
        text.size() > 1 &&
        std::string_view("()[]\\").find(text[1]) != std::string_view::npos;
    parts.push_back({escapes ? std::string(1, text[1]) : "\\", 1});
    return escapes ? 2 : 1;
  }
  if (c == '(' || c == '[') {
    (c == '(' ? open.round : open.square).push_back(parts.size());
    return 1;
  }
  if (c == ')') {
    Close(open.round, kRoundFactor, ")", parts);
    return 1;
  }
  if (c == ']') {
    Close(open.square, kSquareFactor, "]", parts);
    return 1;
  }
  if (c == ':') {
    const std::optional<WeightEnd> end = ReadWeightEnd(text);
    if (end.has_value() && !open.round.empty()) {
      Close(open.round, end->weight, "", parts);
      return end->length;
    }
    const size_t length = end.has_value() ? end->length : 1;
    parts.push_back({std::string(text.substr(0, length)), 1});
    return length;
  }
  const size_t length = std::min(text.find_first_of("\\()[]:"), text.size());
  parts.push_back({std::string(text.substr(0, length)), 1});
  return length;
}

}  // namespace

std::vector<WeightedText> ParseWeightedPrompt(std::string_view prompt) {
  std::vector<WeightedText> parts;
  OpenBrackets open;
  while (!prompt.empty()) {
    prompt.remove_prefix(ReadElement(prompt, open, parts));
  }
  for (const size_t first : open.round) {
    MultiplyFrom(first, kRoundFactor, parts);
  }
  for (const size_t first : open.square) {
    MultiplyFrom(first, kSquareFactor, parts);
  }
  if (parts.empty()) parts.push_back({"", 1});
  std::vector<WeightedText> merged;
  for (WeightedText& part : parts) {
    if (!merged.empty() && merged.back().weight == part.weight) {
      merged.back().text += part.text;
    } else {
      merged.push_back(std::move(part));
    }
  }
  return merged;
}

}  // namespace atelier::trainer
