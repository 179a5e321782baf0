#include "trainer/data/image/image_transform.h"

#include <set>

#include "gtest/gtest.h"
#include "opencv2/core.hpp"

#include "trainer/data/image/pil_resize.h"

namespace atelier::trainer {
namespace {

// The picture that the expected values below were made from.
cv::Mat Pattern(int width, int height) {
  cv::Mat image(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.at<cv::Vec3b>(y, x)[c] =
            static_cast<uchar>((x * 37 + y * 91 + c * 53 + x * y * 7) % 256);
      }
    }
  }
  return image;
}

std::vector<int> Channel(const cv::Mat& image, int channel) {
  std::vector<int> values;
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      values.push_back(image.at<cv::Vec3b>(y, x)[channel]);
    }
  }
  return values;
}

Placement PlaceAt(ImageSize resized, ImageSize bucket) {
  Placement placement;
  placement.resized = resized;
  placement.bucket = bucket;
  return placement;
}

// Made with Pillow 10.4.0: Image.resize(size, Image.LANCZOS). Rows come first
// there; Pillow 13 begins with the columns where one side grows and the other
// shrinks, which rounds differently.
TEST(ImageTransformTest, LanczosEqualsPillowWhenEnlarging) {
  EXPECT_EQ(
      Channel(ResizeLanczos(Pattern(5, 4), 8, 7), 0),
      (std::vector<int>{
          0,   4,   32, 51,  62,  88,  143, 173, 18, 27,  60,  98,  139, 158,
          124, 98,  77, 91,  126, 156, 214, 232, 98, 6,   164, 202, 217, 130,
          112, 153, 85, 28,  162, 213, 219, 82,  11, 71,  128, 149, 64,  98,
          128, 101, 91, 139, 200, 230, 0,   10,  59, 124, 171, 206, 243, 255}));
}

TEST(ImageTransformTest, LanczosEqualsPillowWhenShrinking) {
  EXPECT_EQ(
      Channel(ResizeLanczos(Pattern(13, 9), 5, 4), 2),
      (std::vector<int>{143, 148, 133, 141, 114, 126, 134, 123, 129, 145,
                        123, 109, 128, 102, 132, 153, 141, 120, 135, 156}));
}

TEST(ImageTransformTest, LanczosEqualsPillowWhenOneSideGrows) {
  EXPECT_EQ(Channel(ResizeLanczos(Pattern(6, 6), 9, 3), 0),
            (std::vector<int>{65,  84,  106, 103, 142, 148, 83,  97,  138,
                              91,  138, 170, 123, 113, 142, 154, 136, 112,
                              139, 99,  87,  159, 140, 120, 187, 150, 91}));
}

// Made with Pillow 13.0.0: Image.resize(size, Image.BOX).
TEST(ImageTransformTest, BoxEqualsPillow) {
  EXPECT_EQ(
      Channel(ResizeBox(Pattern(13, 9), 5, 4), 2),
      (std::vector<int>{150, 166, 139, 112, 128, 124, 156, 101, 147, 135,
                        128, 103, 121, 97,  115, 153, 142, 131, 142, 152}));
  EXPECT_EQ(Channel(ResizeBox(Pattern(5, 4), 8, 7), 0),
            (std::vector<int>{0,   0,   37,  74,  74,  111, 148, 148, 0,   0,
                              37,  74,  74,  111, 148, 148, 91,  91,  135, 179,
                              179, 223, 11,  11,  182, 182, 233, 28,  28,  79,
                              130, 130, 182, 182, 233, 28,  28,  79,  130, 130,
                              17,  17,  75,  133, 133, 191, 249, 249, 17,  17,
                              75,  133, 133, 191, 249, 249}));
}

TEST(ImageTransformTest, OneChannelIsResizedAsEachOfThree) {
  const cv::Mat image = Pattern(13, 9);
  cv::Mat blue;
  cv::extractChannel(image, blue, 2);
  const cv::Mat small = ResizeLanczos(blue, 5, 4);
  ASSERT_EQ(small.type(), CV_8UC1);
  EXPECT_EQ(std::vector<int>(small.begin<uint8_t>(), small.end<uint8_t>()),
            Channel(ResizeLanczos(image, 5, 4), 2));
}

TEST(ImageTransformTest, ShrinkingAveragesAreasAndEnlargingIsLanczos) {
  const cv::Mat image = Pattern(8, 8);
  const cv::Mat half = ResizeImage(image, {4, 4}, "");
  const cv::Vec3b* rows[2] = {image.ptr<cv::Vec3b>(0), image.ptr<cv::Vec3b>(1)};
  const int sum = rows[0][0][1] + rows[0][1][1] + rows[1][0][1] + rows[1][1][1];
  EXPECT_NEAR(half.at<cv::Vec3b>(0, 0)[1], sum / 4.0, 1);
  EXPECT_EQ(Channel(ResizeImage(image, {11, 9}, ""), 0),
            Channel(ResizeLanczos(image, 11, 9), 0));
  EXPECT_EQ(Channel(ResizeImage(image, {4, 9}, ""), 0),
            Channel(ResizeLanczos(image, 4, 9), 0));
}

TEST(ImageTransformTest, EveryInterpolationHasItsOwnResult) {
  std::set<std::vector<int>> results;
  for (const char* name :
       {"lanczos", "nearest", "bilinear", "cubic", "area", "box"}) {
    results.insert(Channel(ResizeImage(Pattern(16, 12), {10, 7}, name), 0));
  }
  EXPECT_EQ(results.size(), 6u);
  EXPECT_EQ(Channel(ResizeImage(Pattern(9, 9), {5, 5}, "linear"), 0),
            Channel(ResizeImage(Pattern(9, 9), {5, 5}, "bilinear"), 0));
}

TEST(ImageTransformTest, CentreCropCutsBothSidesAlike) {
  const cv::Mat image = Pattern(10, 8);
  const Tensor tensor =
      TransformImage(image, PlaceAt({10, 8}, {7, 8}), "", Augmentation());
  EXPECT_EQ(tensor.sizes(), (std::vector<int64_t>{3, 8, 7}));
  // Three columns go: one from the left, two from the right.
  EXPECT_EQ(tensor[1][2][0].item<float>(),
            image.at<cv::Vec3b>(2, 1)[1] / 127.5F - 1);
}

TEST(ImageTransformTest, RandomCropReachesBothEnds) {
  const cv::Mat image = Pattern(10, 4);
  const Placement placement = PlaceAt({10, 4}, {8, 4});
  Augmentation left;
  left.crop_x = left.crop_y = 0;
  Augmentation right;
  right.crop_x = right.crop_y = 0.999;
  EXPECT_EQ(TransformImage(image, placement, "", left)[0][0][0].item<float>(),
            image.at<cv::Vec3b>(0, 0)[0] / 127.5F - 1);
  EXPECT_EQ(TransformImage(image, placement, "", right)[0][0][7].item<float>(),
            image.at<cv::Vec3b>(0, 9)[0] / 127.5F - 1);
}

TEST(ImageTransformTest, FlipMirrorsTheColumns) {
  const Placement placement = PlaceAt({6, 4}, {6, 4});
  Augmentation flip;
  flip.flip = true;
  const Tensor plain =
      TransformImage(Pattern(6, 4), placement, "", Augmentation());
  const Tensor mirrored = TransformImage(Pattern(6, 4), placement, "", flip);
  EXPECT_TRUE(torch::equal(mirrored, plain.flip({2})));
}

TEST(ImageTransformTest, ColoursChangeALittle) {
  const Placement placement = PlaceAt({6, 4}, {6, 4});
  const Tensor plain =
      TransformImage(Pattern(6, 4), placement, "", Augmentation());
  Augmentation hue;
  hue.color = true;
  hue.hue_shift = 6;
  Augmentation gamma;
  gamma.color = true;
  gamma.gamma = 1.05;
  for (const Augmentation& one : {hue, gamma}) {
    const Tensor changed = TransformImage(Pattern(6, 4), placement, "", one);
    const double mean = (changed - plain).abs().mean().item<double>();
    EXPECT_GT(mean, 0.001);
    EXPECT_LT(mean, 0.3);
  }
}

TEST(ImageTransformTest, OneOptionDoesNotChangeAnothersChoices) {
  SubsetOptions flip;
  flip.flip_aug = true;
  SubsetOptions all = flip;
  all.random_crop = all.color_aug = true;
  int flips = 0;
  int colors = 0;
  for (uint64_t sample = 0; sample < 1000; ++sample) {
    const Rng rng(3, RngPurpose::kAugmentation, 1, sample);
    const Augmentation drawn = DrawAugmentation(all, rng);
    EXPECT_EQ(drawn.flip, DrawAugmentation(flip, rng).flip);
    flips += drawn.flip;
    colors += drawn.color;
  }
  EXPECT_NEAR(flips, 500, 60);
  EXPECT_NEAR(colors, 330, 60);
}

}  // namespace
}  // namespace atelier::trainer
