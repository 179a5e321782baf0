#include "trainer/text/clip_prompt.h"

#include <algorithm>

#include "trainer/tensor/device.h"
#include "trainer/text/prompt_weighting.h"

namespace atelier::trainer {
namespace {

// The tokens of a caption, cut to what fits.
using Tokens = std::vector<int64_t>;

constexpr int64_t kMostPreviewTokens = 3 * kClipRowTokens;

// [start] tokens [end] pad… of `length` ids.
Tokens PadTokens(const ClipTokenizer& tokenizer, const Tokens& tokens,
                 int64_t length, int64_t pad) {
  Tokens ids = {tokenizer.start()};
  ids.insert(ids.end(), tokens.begin(), tokens.end());
  ids.push_back(tokenizer.end());
  ids.resize(static_cast<size_t>(length), pad);
  return ids;
}

// Cuts a padded sequence of several rows. A row ends with the sequence's last
// id where padding is the end id. Otherwise it ends with the id that follows;
// then a row that is cut inside the caption is closed with an end, and one that
// holds only padding begins with one.
Tokens CutRows(const Tokens& sequence, int64_t rows, int64_t end, int64_t pad) {
  Tokens ids;
  for (int64_t row = 0; row < rows; ++row) {
    const auto first = sequence.begin() + 1 + row * kClipRowTokens;
    ids.push_back(sequence.front());
    ids.insert(ids.end(), first, first + kClipRowTokens);
    if (pad == end) {
      ids.push_back(sequence.back());
      continue;
    }
    ids.push_back(*(first + kClipRowTokens));
    const int64_t last = ids[ids.size() - 2];
    if (last != end && last != pad) ids.back() = end;
    int64_t& second = ids[ids.size() - 1 - kClipRowTokens];
    if (second == pad) second = end;
  }
  return ids;
}

struct RowShape {
  int64_t rows = 1;
  int64_t length = kClipRowTokens + 2;
};

RowShape ChooseRowShape(const std::vector<Tokens>& batch,
                        const ClipPromptOptions& options) {
  RowShape shape;
  shape.rows = options.max_token_length / kClipRowTokens;
  if (!options.no_padding) return shape;
  int64_t longest = 0;
  for (const Tokens& tokens : batch) {
    longest = std::max(longest, static_cast<int64_t>(tokens.size()));
  }
  shape.rows =
      std::max<int64_t>(1, (longest + kClipRowTokens - 1) / kClipRowTokens);
  if (shape.rows == 1) shape.length = longest + 2;
  return shape;
}

Tensor MakeIds(const ClipTokenizer& tokenizer, const std::vector<Tokens>& batch,
               const ClipPromptOptions& options) {
  const RowShape shape = ChooseRowShape(batch, options);
  Tokens ids;
  for (const Tokens& tokens : batch) {
    const int64_t length =
        shape.rows == 1 ? shape.length : shape.rows * kClipRowTokens + 2;
    Tokens sequence = PadTokens(tokenizer, tokens, length, options.pad);
    if (shape.rows > 1) {
      sequence = CutRows(sequence, shape.rows, tokenizer.end(), options.pad);
    }
    ids.insert(ids.end(), sequence.begin(), sequence.end());
  }
  return torch::tensor(ids, torch::kInt64)
      .view({static_cast<int64_t>(batch.size()), shape.rows, shape.length});
}

struct WeightedTokens {
  Tokens tokens;
  std::vector<double> weights;
};

WeightedTokens TokensWithWeights(const ClipTokenizer& tokenizer,
                                 const std::string& caption, int64_t limit) {
  WeightedTokens result;
  for (const WeightedText& part : ParseWeightedPrompt(caption)) {
    for (const int64_t id : tokenizer.Encode(part.text)) {
      if (static_cast<int64_t>(result.tokens.size()) == limit) return result;
      result.tokens.push_back(id);
      result.weights.push_back(part.weight);
    }
  }
  return result;
}

WeightedClipPrompt MakeWeightedIds(const ClipTokenizer& tokenizer,
                                   const std::vector<WeightedTokens>& batch,
                                   const ClipPromptOptions& options) {
  ClipPromptOptions padded = options;
  padded.no_padding = false;
  const int64_t rows = options.max_token_length / kClipRowTokens;
  WeightedClipPrompt result;
  result.weights = torch::ones(
      {static_cast<int64_t>(batch.size()), rows, kClipRowTokens + 2});
  std::vector<Tokens> tokens;
  for (const WeightedTokens& weighted : batch) {
    Tensor row = result.weights[static_cast<int64_t>(tokens.size())];
    for (size_t i = 0; i < weighted.weights.size(); ++i) {
      const auto place = static_cast<int64_t>(i);
      row[place / kClipRowTokens][place % kClipRowTokens + 1] =
          weighted.weights[i];
    }
    tokens.push_back(weighted.tokens);
  }
  result.ids = MakeIds(tokenizer, tokens, padded);
  return result;
}

}  // namespace

Tensor ClipPromptIds(const ClipTokenizer& tokenizer,
                     absl::Span<const std::string> captions,
                     const ClipPromptOptions& options) {
  std::vector<Tokens> batch;
  for (const std::string& caption : captions) {
    Tokens tokens = tokenizer.Encode(caption);
    tokens.resize(
        std::min(tokens.size(), static_cast<size_t>(options.max_token_length)));
    batch.push_back(std::move(tokens));
  }
  return MakeIds(tokenizer, batch, options);
}

WeightedClipPrompt WeightedClipPromptIds(const ClipTokenizer& tokenizer,
                                         absl::Span<const std::string> captions,
                                         const ClipPromptOptions& options) {
  std::vector<WeightedTokens> batch;
  for (const std::string& caption : captions) {
    batch.push_back(
        TokensWithWeights(tokenizer, caption, options.max_token_length));
  }
  return MakeWeightedIds(tokenizer, batch, options);
}

WeightedClipPrompt WeightedPreviewPromptIds(
    const ClipTokenizer& tokenizer, absl::Span<const std::string> prompts,
    int64_t pad) {
  std::vector<WeightedTokens> batch;
  size_t longest = 1;
  for (const std::string& prompt : prompts) {
    batch.push_back(TokensWithWeights(tokenizer, prompt, kMostPreviewTokens));
    longest = std::max(longest, batch.back().tokens.size());
  }
  ClipPromptOptions options;
  options.pad = pad;
  options.max_token_length =
      (static_cast<int64_t>(longest) + kClipRowTokens - 1) / kClipRowTokens *
      kClipRowTokens;
  return MakeWeightedIds(tokenizer, batch, options);
}

Tensor JoinClipRows(const Tensor& states, int64_t rows) {
  if (rows == 1) return states;
  const int64_t length = states.size(1);
  const Tensor split = states.unflatten(0, {-1, rows});  // [B, rows, L, C]
  const Tensor middle = split.narrow(2, 1, length - 2).flatten(1, 2);
  return torch::cat({split.select(1, 0).narrow(1, 0, 1), middle,
                     split.select(1, rows - 1).narrow(1, length - 1, 1)},
                    1);
}

Tensor WeighJoinedStates(const Tensor& states, const Tensor& weights) {
  const Tensor inner =
      weights.narrow(2, 1, kClipRowTokens).flatten(1, 2);  // [B, rows * 75]
  const Tensor ends = torch::ones({weights.size(0), 1}, weights.options());
  return states * SendTo(torch::cat({ends, inner, ends}, 1), states.device())
                      .unsqueeze(2);
}

Tensor WeighPreviewStates(const Tensor& states, const Tensor& weights) {
  const Tensor joined =
      states.unflatten(0, {-1, weights.size(1)}).flatten(1, 2);  // [B, L, C]
  if (weights.eq(1).all().item<bool>()) return joined;
  const Tensor weighted =
      joined * weights.flatten(1, 2).to(states.device()).unsqueeze(2);
  const auto mean = [](const Tensor& of) {
    return of.to(torch::kFloat32).mean({1, 2}, /*keepdim=*/true);
  };
  return weighted * (mean(joined) / mean(weighted)).to(weighted.scalar_type());
}

}  // namespace atelier::trainer
