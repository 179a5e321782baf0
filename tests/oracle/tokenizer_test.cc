// CLIP's tokenizer, the rows of long captions and weights in captions against
// the reference.
#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/text/clip_prompt.h"
#include "trainer/text/clip_tokenizer.h"
#include "trainer/text/prompt_weighting.h"

namespace atelier::trainer::testing {
namespace {

const ClipTokenizer& Tokenizer() {
  static const auto* const kTokenizer = [] {
    auto tokenizer = ClipTokenizer::Open(OraclePath("sd1/diffusers/tokenizer"));
    return tokenizer.value().release();
  }();
  return *kTokenizer;
}

std::vector<std::string> Prompts(const std::string& architecture) {
  std::vector<std::string> prompts;
  for (const auto& prompt : LoadOracleJson(architecture + "/prompts.json")) {
    prompts.push_back(prompt.get<std::string>());
  }
  return prompts;
}

Tensor PromptIds(const std::string& architecture, int64_t max_token_length,
                 int64_t pad) {
  ClipPromptOptions options;
  options.max_token_length = max_token_length;
  options.pad = pad;
  return ClipPromptIds(Tokenizer(), Prompts(architecture), options);
}

void ExpectSameIds(const Tensor& actual, const Tensor& expected) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_TRUE(actual.equal(expected)) << actual << "\n" << expected;
}

TEST(ClipTokenizerOracle, GivesTheIdsOfEveryCase) {
  const auto json = LoadOracleJson("tokenizers/clip_cases.json");
  ASSERT_GT(json["cases"].size(), 0);
  for (const auto& entry : json["cases"]) {
    const auto text = entry["text"].get<std::string>();
    std::vector<int64_t> ids = Tokenizer().Encode(text);
    ids.insert(ids.begin(), Tokenizer().start());
    ids.push_back(Tokenizer().end());
    EXPECT_EQ(ids, entry["ids"].get<std::vector<int64_t>>()) << text;
  }
}

TEST(ClipPromptOracle, PadsRowsWithTheEndId) {
  auto expected = LoadOracle("sd1/text.safetensors");
  const int64_t end = Tokenizer().end();
  ExpectSameIds(PromptIds("sd1", 75, end).squeeze(1), expected["ids"]);
  ExpectSameIds(PromptIds("sd1", 225, end), expected["ids225"]);
}

TEST(ClipPromptOracle, PadsRowsWithZero) {
  auto expected = LoadOracle("sd2/text.safetensors");
  ExpectSameIds(PromptIds("sd2", 75, 0).squeeze(1), expected["ids"]);
  ExpectSameIds(PromptIds("sd2", 225, 0), expected["ids225"]);
}

void ExpectWeightedRows(const nlohmann::json& entry, int64_t max_token_length,
                        const std::string& suffix) {
  ClipPromptOptions options;
  options.max_token_length = max_token_length;
  options.pad = Tokenizer().end();
  const std::vector<std::string> captions = {entry["text"].get<std::string>()};
  const WeightedClipPrompt prompt =
      WeightedClipPromptIds(Tokenizer(), captions, options);
  std::vector<int64_t> ids;
  for (const auto& row : entry["ids" + suffix]) {
    for (const auto& id : row) ids.push_back(id.get<int64_t>());
  }
  EXPECT_TRUE(prompt.ids.flatten().equal(torch::tensor(ids))) << captions[0];
  const auto weights = entry["weights" + suffix].get<std::vector<double>>();
  EXPECT_TENSOR_NEAR(prompt.weights.flatten(),
                     torch::tensor(weights, torch::kFloat64), 1e-6, 1e-6);
}

TEST(PromptWeightingOracle, ParsesEveryCase) {
  for (const auto& entry : LoadOracleJson("data/weighted_prompts.json")) {
    const auto text = entry["text"].get<std::string>();
    const auto parts = ParseWeightedPrompt(text);
    ASSERT_EQ(parts.size(), entry["parsed"].size()) << text;
    for (size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i].text, entry["parsed"][i][0].get<std::string>());
      EXPECT_DOUBLE_EQ(parts[i].weight, entry["parsed"][i][1].get<double>());
    }
  }
}

TEST(PromptWeightingOracle, GivesTheIdsAndWeightsOfEveryCase) {
  for (const auto& entry : LoadOracleJson("data/weighted_prompts.json")) {
    ExpectWeightedRows(entry, 75, "");
    if (entry.contains("ids225")) ExpectWeightedRows(entry, 225, "225");
  }
}

}  // namespace
}  // namespace atelier::trainer::testing
