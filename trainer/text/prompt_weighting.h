// Weights in captions: `(text)` weighs 1.1 times as much, `(text:1.3)` 1.3
// times, `[text]` 1/1.1; nesting multiplies; a backslash makes the next bracket
// or backslash a letter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace atelier::trainer {

struct WeightedText {
  std::string text;
  double weight = 1;
};

// Neighbours of the same weight are one part; brackets left open count to the
// end; an empty caption is one empty part.
std::vector<WeightedText> ParseWeightedPrompt(std::string_view prompt);

}  // namespace atelier::trainer
