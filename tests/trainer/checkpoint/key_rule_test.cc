#include "trainer/checkpoint/key_rule.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

KeyMap MapOf(std::vector<KeyRule> rules) {
  auto map = KeyMap::Make(std::move(rules));
  EXPECT_TRUE(map.ok()) << map.status();
  return *map;
}

TEST(KeyRuleTest, PlaceholdersTakeWholeNumbersAndRests) {
  EXPECT_THAT(*MatchKey("a.{}.b.{}.*", "a.12.b.3.weight"),
              ElementsAre("12", "3", "weight"));
  EXPECT_FALSE(MatchKey("a.{}.b", "a.x.b").has_value());
  EXPECT_FALSE(MatchKey("a.{}", "a.1.b").has_value());
  EXPECT_FALSE(MatchKey("a.*", "a.").has_value());
  EXPECT_FALSE(MatchKey("a", "ab").has_value());
  EXPECT_EQ(FillKey("x.{}.y.*", {"12", "z"}), "x.12.y.z");
}

TEST(KeyRuleTest, EveryOperationComesBack) {
  const KeyMap map = MapOf({
      {"conv.*", "input.0.*", Rename()},
      {"b.{}.q", "block.{}.qkv", Part(0, 3)},
      {"b.{}.k", "block.{}.qkv", Part(1, 3)},
      {"b.{}.v", "block.{}.qkv", Part(2, 3)},
      {"l.qkv", "l1", Part(0, 2, 3)},
      {"l.mlp", "l1", Part(1, 2, 4)},
      {"t", "t2", Transpose()},
      {"s", "s2", SwapHalves()},
      {"lin", "conv1", ToConv1x1()},
      {"conv2", "lin2", ToLinear()},
  });
  const std::map<std::string, Tensor> tensors = {
      {"conv.weight", torch::rand({2, 3})},
      {"b.7.q", torch::rand({2, 4})},
      {"b.7.k", torch::rand({2, 4})},
      {"b.7.v", torch::rand({2, 4})},
      {"l.qkv", torch::rand({6, 2})},
      {"l.mlp", torch::rand({8, 2})},
      {"t", torch::rand({2, 3})},
      {"s", torch::rand({4, 3})},
      {"lin", torch::rand({2, 3})},
      {"conv2", torch::rand({2, 3, 1, 1})},
  };
  const absl::Status status = map.CheckRoundTrip(tensors);
  EXPECT_TRUE(status.ok()) << status;
  const auto there = map.Apply(tensors, KeyDirection::kForward);
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_TRUE(there->at("block.7.qkv")
                  .equal(torch::cat({tensors.at("b.7.q"), tensors.at("b.7.k"),
                                     tensors.at("b.7.v")})));
  EXPECT_TRUE(there->at("t2").equal(tensors.at("t").t()));
  EXPECT_TRUE(
      there->at("s2").slice(0, 0, 2).equal(tensors.at("s").slice(0, 2, 4)));
  EXPECT_EQ(there->at("conv1").sizes(), at::IntArrayRef({2, 3, 1, 1}));
  EXPECT_EQ(there->at("lin2").sizes(), at::IntArrayRef({2, 3}));
}

TEST(KeyRuleTest, TheFirstOfSeveralRowsCounts) {
  const KeyMap map = MapOf({{"new", "x", Rename()}, {"old", "x", Rename()}});
  const auto plan = map.MakePlan({"x"}, KeyDirection::kBackward);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->targets.size(), 1u);
  EXPECT_EQ(plan->targets.begin()->first, "new");
  EXPECT_TRUE(map.MakePlan({"old"}, KeyDirection::kForward).ok());
}

std::string PlanError(const KeyMap& map,
                      const std::vector<std::string>& names) {
  return std::string(
      map.MakePlan(names, KeyDirection::kForward).status().message());
}

TEST(KeyRuleTest, MissingPartsAndDoubledTargetsAreNamed) {
  const KeyMap map = MapOf({{"q", "qk", Part(0, 2)},
                            {"k", "qk", Part(1, 2)},
                            {"a", "c", Rename()},
                            {"b", "c", Rename()}});
  EXPECT_THAT(PlanError(map, {"q"}), HasSubstr("parts are missing of qk"));
  EXPECT_THAT(PlanError(map, {"a", "b"}), HasSubstr("two tensors give c"));
}

TEST(KeyRuleTest, NamesWithoutARuleAreNamed) {
  const KeyMap map = MapOf({{"a", "b", Rename()}});
  const auto result =
      map.Apply({{"other", torch::zeros({1})}}, KeyDirection::kForward);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("no rule for the names other"));
}

TEST(KeyRuleTest, ShapesThatDoNotFitAreNamed) {
  const KeyMap map = MapOf({{"a", "b", ToLinear()},
                            {"q", "qk", Part(0, 2)},
                            {"k", "qk", Part(1, 2)}});
  const auto linear =
      map.Apply({{"a", torch::zeros({2, 3, 3, 3})}}, KeyDirection::kForward);
  EXPECT_THAT(std::string(linear.status().message()),
              HasSubstr("for 'b' has shape [2, 3, 3, 3], expected a 1x1"));
  const auto parts =
      map.Apply({{"q", torch::zeros({2, 3})}, {"k", torch::zeros({3, 3})}},
                KeyDirection::kForward);
  EXPECT_THAT(std::string(parts.status().message()),
              HasSubstr("fits that of q"));
  const auto split =
      map.Apply({{"qk", torch::zeros({3, 3})}}, KeyDirection::kBackward);
  EXPECT_THAT(std::string(split.status().message()),
              HasSubstr("rows that divide by 2"));
}

TEST(KeyRuleTest, ABrokenTableIsRefused) {
  EXPECT_FALSE(KeyMap::Make({{"a.{}", "b", Rename()}}).ok());
  EXPECT_FALSE(KeyMap::Make({{"a", "b", Part(0, 2)}}).ok());
  EXPECT_FALSE(
      KeyMap::Make({{"a", "c", Part(1, 2)}, {"b", "c", Part(0, 2)}}).ok());
}

}  // namespace
}  // namespace atelier::trainer
