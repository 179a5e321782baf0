#include "trainer/data/image/face_crop.h"

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

const Face kFace = {
    .center_x = 300, .center_y = 200, .width = 100, .height = 80};

TEST(FaceCropTest, FacesAreReadFromTheEndOfTheName) {
  const auto face = FaceInName("/a/b/my_cat_12_34_56_78.png");
  ASSERT_TRUE(face.has_value());
  EXPECT_EQ(face->center_x, 12);
  EXPECT_EQ(face->center_y, 34);
  EXPECT_EQ(face->width, 56);
  EXPECT_EQ(face->height, 78);
}

TEST(FaceCropTest, OtherNamesHaveNone) {
  for (const char* name :
       {"cat.png", "cat_1_2_3.png", "a_b_c_d_e.png", "cat_1_2_3_x.png",
        "cat_0_2_3_4.png", "cat_1_2_0_0.png", "cat_1_-2_3_4.png",
        "cat_1_2_3_99999999999.png"}) {
    EXPECT_FALSE(FaceInName(name).has_value()) << name;
  }
}

// Expected values by sd-scripts' rule: size 256, face 100, range [1, 2] gives
// scales from max(256 / 600, 256 / 200 -> 1) = 1 to 1.
TEST(FaceCropTest, TheFaceIsInTheMiddle) {
  const Frame frame =
      FrameFace({800, 600}, {256, 256}, kFace, {1, 1}, false, {});
  EXPECT_EQ(frame.resized, (ImageSize{800, 600}));
  EXPECT_EQ(frame.left, 300 - 128);
  EXPECT_EQ(frame.top, 200 - 128);
}

TEST(FaceCropTest, TheRangeSaysHowMuchOfTheCropTheFaceFills) {
  // size / (face * 4) = 0.64, above the 256 / 600 that still covers.
  const Frame wide =
      FrameFace({800, 600}, {256, 256}, kFace, {4, 4}, false, {});
  EXPECT_EQ(wide.resized, (ImageSize{512, 384}));
  EXPECT_EQ(wide.left, 192 - 128);
  EXPECT_EQ(wide.top, 0);
  FaceDraws draws;
  draws.scale = 0.5;
  // Half way from 0.64 to min(1, 256 / 200) = 1: 0.82.
  EXPECT_EQ(
      FrameFace({800, 600}, {256, 256}, kFace, {2, 4}, false, draws).resized,
      (ImageSize{656, 492}));
}

TEST(FaceCropTest, TheCropStaysWithinTheImage) {
  const Face corner = {
      .center_x = 790, .center_y = 5, .width = 50, .height = 50};
  const Frame frame =
      FrameFace({800, 600}, {256, 256}, corner, {1, 1}, false, {});
  EXPECT_EQ(frame.left, 800 - 256);
  EXPECT_EQ(frame.top, 0);
}

TEST(FaceCropTest, SmallImagesAreEnlargedToCover) {
  const Frame frame =
      FrameFace({100, 200}, {256, 256}, kFace, {1, 2}, false, {});
  EXPECT_EQ(frame.resized, (ImageSize{256, 512}));
}

TEST(FaceCropTest, RandomCropMovesTheFaceAndARangeJittersIt) {
  FaceDraws low;
  FaceDraws high;
  for (int i : {0, 1}) high.x[i] = high.y[i] = 0.999;
  const auto left = [](const FaceCropRange& range, bool random,
                       const FaceDraws& draws) {
    return FrameFace({800, 600}, {256, 256}, kFace, range, random, draws).left;
  };
  EXPECT_EQ(left({1, 1}, false, low), left({1, 1}, false, high));
  // 100 / 20 = 5 pixels to both sides.
  EXPECT_EQ(left({1, 1.5}, false, low), 300 - 128 - 5);
  EXPECT_EQ(left({1, 1.5}, false, high), 300 - 128 + 5);
  // From one end of the image to the other.
  EXPECT_EQ(left({1, 1}, true, low), 0);
  EXPECT_EQ(left({1, 1}, true, high), 800 - 256);
}

TEST(FaceCropTest, AnImageOfTheTargetsSizeIsLeftAlone) {
  const Frame frame =
      FrameFace({256, 256}, {256, 256}, kFace, {2, 4}, true, {});
  EXPECT_EQ(frame.resized, (ImageSize{256, 256}));
  EXPECT_EQ(frame.left, 0);
}

}  // namespace
}  // namespace atelier::trainer
