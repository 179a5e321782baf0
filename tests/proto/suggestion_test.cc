#include "proto/cc/suggestion.h"

#include "gtest/gtest.h"

namespace atelier {
namespace {

const std::vector<std::string>& Names() {
  static const auto* const kNames = new std::vector<std::string>{
      "learning_rate", "learning_rate_te", "seed", "save_every_n_steps"};
  return *kNames;
}

TEST(SuggestionTest, NearestNameIsFound) {
  EXPECT_EQ(ClosestName("lerning_rate", Names()), "learning_rate");
  EXPECT_EQ(ClosestName("learning-rate", Names()), "learning_rate");
  EXPECT_EQ(ClosestName("sede", Names()), "seed");
  EXPECT_EQ(ClosestName("LEARNING_RATE_TE", Names()), "learning_rate_te");
}

TEST(SuggestionTest, BeginningOfANameFindsIt) {
  EXPECT_EQ(ClosestName("save_every", Names()), "save_every_n_steps");
}

TEST(SuggestionTest, FarAwayWordFindsNothing) {
  EXPECT_EQ(ClosestName("gradient_checkpointing", Names()), "");
  EXPECT_EQ(ClosestName("", Names()), "");
  EXPECT_EQ(ClosestName(std::string(10000, 'a'), Names()), "");
  EXPECT_EQ(DidYouMean("xyz", Names()), "");
}

}  // namespace
}  // namespace atelier
