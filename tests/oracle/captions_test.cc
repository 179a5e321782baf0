// Captions come out as from sd-scripts' process_caption when the same random
// values are drawn in the same order.
#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/data/caption.h"

namespace atelier::trainer::captions_oracle {
namespace {

using nlohmann::json;

// Hands out recorded draws, and notices when others are asked for.
class RecordedDraws : public CaptionRandom {
 public:
  explicit RecordedDraws(const json& draws) {
    if (draws.is_null()) return;
    uniforms_ = draws["random"].get<std::vector<double>>();
    choices_ = draws["choices"].get<std::vector<int64_t>>();
    orders_ = draws["permutations"].get<std::vector<std::vector<int64_t>>>();
  }

  double Uniform() override { return Next(uniforms_, uniform_, 0.0); }
  int64_t Choose(int64_t) override {
    return Next(choices_, choice_, int64_t{0});
  }
  std::vector<int64_t> Permute(int64_t count) override {
    std::vector<int64_t> order = Next(orders_, order_, {});
    EXPECT_EQ(order.size(), static_cast<size_t>(count));
    return order;
  }

  bool AllUsed() const {
    return uniform_ == uniforms_.size() && choice_ == choices_.size() &&
           order_ == orders_.size();
  }

 private:
  template <typename T>
  static T Next(const std::vector<T>& values, size_t& at, T otherwise) {
    EXPECT_LT(at, values.size()) << "one draw more than recorded";
    return at < values.size() ? values[at++] : otherwise;
  }

  std::vector<double> uniforms_;
  std::vector<int64_t> choices_;
  std::vector<std::vector<int64_t>> orders_;
  size_t uniform_ = 0;
  size_t choice_ = 0;
  size_t order_ = 0;
};

CaptionOptions OptionsOf(const json& subset) {
  CaptionOptions options;
  options.prefix = subset.value("caption_prefix", "");
  options.suffix = subset.value("caption_suffix", "");
  options.separator = subset.value("caption_separator", ",");
  options.keep_tokens_separator = subset.value("keep_tokens_separator", "");
  options.secondary_separator = subset.value("secondary_separator", "");
  options.shuffle = subset.value("shuffle_caption", false);
  options.enable_wildcard = subset.value("enable_wildcard", false);
  options.keep_tokens = subset.value("keep_tokens", 0);
  options.dropout_rate = subset.value("caption_dropout_rate", 0.0);
  options.dropout_every_n_epochs =
      subset.value("caption_dropout_every_n_epochs", 0);
  options.tag_dropout_rate = subset.value("caption_tag_dropout_rate", 0.0);
  options.token_warmup_min = subset.value("token_warmup_min", 1);
  options.token_warmup_step = subset.value("token_warmup_step", 0.0);
  return options;
}

TEST(CaptionsOracle, EveryCaptionIsProcessedTheSame) {
  const json cases = testing::LoadOracleJson("data/captions.json")["cases"];
  ASSERT_FALSE(cases.empty());
  for (const json& one : cases) {
    SCOPED_TRACE(one.dump());
    RecordedDraws draws(one.value("draws", json()));
    const CaptionMoment moment = {.epoch = one["epoch"],
                                  .step = one["step"],
                                  .max_train_steps = one["max_train_steps"]};
    EXPECT_EQ(
        ProcessCaption(OptionsOf(one["subset"]), one["caption"], moment, draws),
        one["result"].get<std::string>());
    EXPECT_TRUE(draws.AllUsed());
  }
}

}  // namespace
}  // namespace atelier::trainer::captions_oracle
