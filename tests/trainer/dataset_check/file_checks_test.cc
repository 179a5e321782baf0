#include "trainer/dataset_check/file_checks.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileChecksTest : public ::testing::Test {
 protected:
  DatasetIndex Scan() {
    DatasetConfig config;
    DatasetOptions& dataset = config.datasets.emplace_back();
    dataset.width = dataset.height = 64;
    dataset.subsets.emplace_back().image_dir = dir_.File("images");
    auto index = ScanDataset(config, {});
    EXPECT_TRUE(index.ok()) << index.status();
    return *std::move(index);
  }

  std::string File(const std::string& name) {
    return dir_.File("images/" + name);
  }

  // Noise in large cells, so that pictures of different seeds are unlike.
  cv::Mat Cells(int seed) {
    cv::Mat cells(12, 12, CV_8UC3);
    cv::RNG(static_cast<uint64_t>(seed)).fill(cells, cv::RNG::UNIFORM, 0, 256);
    cv::Mat image;
    cv::resize(cells, image, {240, 240}, 0, 0, cv::INTER_CUBIC);
    return image;
  }

  void Save(const std::string& name, const cv::Mat& image) {
    std::filesystem::create_directories(dir_.File("images"));
    ASSERT_TRUE(cv::imwrite(File(name), image));
  }

  atelier::testing::TempDir dir_;
};

TEST_F(FileChecksTest, TheSameBytesAreDuplicates) {
  testing::WriteTinyDataset(dir_.File("images"), testing::EightImages());
  std::filesystem::copy_file(File("a.png"), File("z.png"));
  EXPECT_THAT(FindDuplicates(Scan()),
              ElementsAre(ElementsAre(File("a.png"), File("z.png"))));
}

TEST_F(FileChecksTest, CopiesSavedAgainLookAlikeAndOthersDoNot) {
  for (int seed = 0; seed < 6; ++seed) {
    Save(std::to_string(seed) + ".png", Cells(seed));
  }
  cv::Mat smaller;
  cv::resize(Cells(2), smaller, {150, 150}, 0, 0, cv::INTER_AREA);
  Save("copy.jpg", smaller);
  DatasetReport report;
  ASSERT_TRUE(DecodeEach(Scan(), {}, &report).ok());
  EXPECT_EQ(report.decoded, 7);
  EXPECT_THAT(report.near_duplicates,
              ElementsAre(ElementsAre(File("2.png"), File("copy.jpg"))));
}

TEST_F(FileChecksTest, EvenPicturesAreNotTakenForCopies) {
  Save("black.png", cv::Mat(64, 64, CV_8UC3, cv::Scalar::all(0)));
  Save("white.png", cv::Mat(64, 64, CV_8UC3, cv::Scalar::all(255)));
  DatasetReport report;
  ASSERT_TRUE(DecodeEach(Scan(), {}, &report).ok());
  EXPECT_TRUE(report.near_duplicates.empty());
}

TEST_F(FileChecksTest, PixelsThatCannotBeDecodedAreFound) {
  testing::WriteTinyDataset(dir_.File("images"), testing::EightImages());
  std::string png = testing::ReadBytes(File("d.png"));
  png.replace(png.size() / 2, 60, std::string(60, 'x'));
  testing::WriteText(File("d.png"), png);
  DatasetReport report;
  ASSERT_TRUE(DecodeEach(Scan(), {}, &report).ok());
  ASSERT_EQ(report.broken.size(), 1u);
  EXPECT_EQ(report.broken[0].image, File("d.png"));
  EXPECT_THAT(report.broken[0].problem, HasSubstr("cannot be decoded"));
}

TEST_F(FileChecksTest, ProgressCanEndIt) {
  testing::WriteTinyDataset(dir_.File("images"), testing::EightImages());
  DatasetReport report;
  const auto stop = [](int64_t, int64_t total) {
    EXPECT_EQ(total, 8);
    return absl::CancelledError("enough");
  };
  EXPECT_TRUE(absl::IsCancelled(DecodeEach(Scan(), stop, &report)));
}

}  // namespace
}  // namespace atelier::trainer
