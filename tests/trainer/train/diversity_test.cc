#include "trainer/train/hooks/diversity.h"

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

TEST(DiversityTest, TheDistanceIsThatOfPicturesMadeSmall) {
  const Tensor black = torch::zeros({3, 64, 48});
  const Tensor grey = torch::full({3, 32, 32}, 0.5);
  const Tensor white = torch::ones({3, 64, 64});
  const auto distance =
      MeanDistance({Thumbnail(black), Thumbnail(grey), Thumbnail(white)});
  ASSERT_TRUE(distance.has_value());
  EXPECT_NEAR(*distance, (0.5 + 0.5 + 1) / 3, 1e-6);
}

TEST(DiversityTest, EqualPicturesHaveNone) {
  torch::manual_seed(1);
  const Tensor picture = Thumbnail(torch::rand({3, 64, 64}));
  EXPECT_EQ(*MeanDistance({picture, picture}), 0);
  EXPECT_FALSE(MeanDistance({picture}).has_value());
}

}  // namespace
}  // namespace atelier::trainer
