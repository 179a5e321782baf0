#include "trainer/memory/swap_plan.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Double and single blocks of FLUX.1.
const std::vector<SwapList> kFlux = {{19, 1}, {38, 2}};

TEST(SwapPlanTest, TwoMoreThanAreSwappedLiveOnTheHost) {
  EXPECT_THAT(*PlanSwap(1, {{24, 1}}), ElementsAre(3));
  EXPECT_THAT(*PlanSwap(22, {{24, 1}}), ElementsAre(24));
  EXPECT_THAT(*PlanSwap(0, {{24, 1}}), ElementsAre(0));
}

TEST(SwapPlanTest, FluxSwapsHalfInDoubleBlocksAndTwiceTheRestInSingleOnes) {
  EXPECT_THAT(*PlanSwap(18, kFlux), ElementsAre(9 + 2, 18 + 2));
  EXPECT_THAT(*PlanSwap(19, kFlux), ElementsAre(9 + 2, 20 + 2));
  EXPECT_THAT(*PlanSwap(1, kFlux), ElementsAre(0, 2 + 2));
  EXPECT_THAT(*PlanSwap(35, kFlux), ElementsAre(17 + 2, 36 + 2));
}

TEST(SwapPlanTest, ShortListsAndThoseThatMustNotAreLeftAlone) {
  EXPECT_THAT(*PlanSwap(5, {{2, 1}, {2, 1}, {26, 1}}), ElementsAre(0, 0, 7));
  EXPECT_THAT(*PlanSwap(5, {{20, 0}, {26, 1}}), ElementsAre(0, 7));
}

TEST(SwapPlanTest, TooManyAreRefusedWithTheLargestCount) {
  const auto flux = PlanSwap(36, kFlux);
  EXPECT_EQ(flux.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(flux.status().message()),
              HasSubstr("blocks_to_swap is 36; this model takes 0 to 35"));
  EXPECT_THAT(std::string(PlanSwap(23, {{24, 1}}).status().message()),
              HasSubstr("0 to 22"));
  EXPECT_THAT(std::string(PlanSwap(1, {{2, 1}}).status().message()),
              HasSubstr("takes none"));
  EXPECT_FALSE(PlanSwap(-1, kFlux).ok());
}

}  // namespace
}  // namespace atelier::trainer
