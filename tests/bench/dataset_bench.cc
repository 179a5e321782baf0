// Datasets at scale: how long the scan takes, how fast images are loaded, and
// how fast the autoencoder, which takes them, could be. Measured values are
// JSON lines.
//
//   dataset_bench make DIR COUNT       COUNT images of mixed sizes with
//                                      captions; 200 different ones, the others
//                                      are hard links
//   dataset_bench scan DIR RESOLUTION  scan and buckets, twice
//   dataset_bench load DIR RESOLUTION BATCHES
//   dataset_bench encode RESOLUTION COUNT
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/data/loader.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

constexpr int kDistinct = 200;
constexpr int kBatchSize = 4;

class Watch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

void Print(const std::string& key, const std::string& what, double value,
           const std::string& unit) {
  const nlohmann::json line = {{"type", "dataset"},
                               {"key", key},
                               {"what", what},
                               {"value", value},
                               {"unit", unit}};
  std::cout << line.dump() << std::endl;
}

// Sides from 400 to 2000 pixels and detail like that of photographs.
cv::Mat MakePicture(cv::RNG& random) {
  const cv::Size size(random.uniform(400, 2000), random.uniform(400, 2000));
  cv::Mat coarse(size.height / 16 + 1, size.width / 16 + 1, CV_8UC3);
  random.fill(coarse, cv::RNG::UNIFORM, 0, 256);
  cv::Mat picture;
  cv::resize(coarse, picture, size, 0, 0, cv::INTER_CUBIC);
  cv::Mat grain(size, CV_8UC3);
  random.fill(grain, cv::RNG::UNIFORM, 0, 24);
  return picture + grain;
}

// Of five, three are JPEG, one is PNG and one WebP.
const char* EndingOf(int number) {
  constexpr const char* kEndings[] = {".jpg", ".jpg", ".png", ".jpg", ".webp"};
  return kEndings[number % 5];
}

int Make(const fs::path& folder, int count) {
  fs::create_directories(folder);
  cv::RNG random(7);
  for (int i = 0; i < count; ++i) {
    char name[16];
    std::snprintf(name, sizeof(name), "%06d", i);
    const fs::path image = folder / (std::string(name) + EndingOf(i));
    if (i < kDistinct) {
      cv::imwrite(image.string(), MakePicture(random));
    } else {
      std::snprintf(name, sizeof(name), "%06d", i % kDistinct);
      fs::create_hard_link(
          folder / (std::string(name) + EndingOf(i % kDistinct)), image);
    }
    fs::path caption = image;
    std::ofstream(caption.replace_extension(".txt"))
        << "a picture, number " << i << ", grain, colours, bench\n";
  }
  return 0;
}

DatasetConfig ConfigOf(const std::string& folder, int resolution) {
  DatasetConfig config;
  DatasetOptions& dataset = config.datasets.emplace_back();
  dataset.width = dataset.height = resolution;
  dataset.enable_bucket = true;
  dataset.min_bucket_reso = resolution / 4;
  dataset.max_bucket_reso = resolution * 2;
  dataset.batch_size = kBatchSize;
  SubsetOptions& subset = dataset.subsets.emplace_back();
  subset.image_dir = folder;
  subset.caption_extension = ".txt";
  return config;
}

DatasetIndex ScanOrEnd(const std::string& folder, int resolution) {
  auto index = ScanDataset(ConfigOf(folder, resolution), {});
  if (index.ok()) return *std::move(index);
  std::cerr << index.status() << std::endl;
  std::exit(1);
}

int Scan(const std::string& folder, int resolution) {
  for (const char* turn : {"first", "warm"}) {
    const Watch scan;
    const DatasetIndex index = ScanOrEnd(folder, resolution);
    const double scanned = scan.Seconds();
    const Watch buckets;
    const BucketLayout layout = MakeBuckets(index);
    const std::string name(turn);
    Print(name + "_scan_seconds", name + " scan", scanned, "s");
    Print(name + "_bucket_seconds",
          absl::StrCat(name, ", ", layout.buckets.size(), " buckets"),
          buckets.Seconds(), "s");
  }
  return 0;
}

int Load(const std::string& folder, int resolution, int batches) {
  const DatasetIndex index = ScanOrEnd(folder, resolution);
  const BucketLayout layout = MakeBuckets(index);
  LoaderOptions options;
  options.threads = static_cast<int>(std::thread::hardware_concurrency());
  Loader loader(index, layout, nullptr, options);
  const Watch watch;
  int64_t images = 0;
  for (int i = 0; i < batches; ++i) {
    const auto batch = loader.Next();
    if (!batch.ok()) {
      std::cerr << batch.status() << std::endl;
      return 1;
    }
    images += batch->size();
  }
  Print(absl::StrCat("loaded_per_second_", resolution),
        absl::StrCat("loader at ", resolution, " px, ", options.threads,
                     " threads"),
        static_cast<double>(images) / watch.Seconds(), "images/s");
  return 0;
}

// The autoencoder of Stable Diffusion, or one of a quarter of its width.
void EncodeWith(const char* name, int64_t width, int resolution, int count) {
  AutoencoderConfig config;
  config.channels = {width, 2 * width, 4 * width, 4 * width};
  AutoencoderKl vae(config);
  const torch::NoGradGuard no_grad;
  const Tensor image = torch::rand({1, 3, resolution, resolution}) * 2 - 1;
  vae.Moments(image);
  const Watch watch;
  for (int i = 0; i < count; ++i) vae.Moments(image);
  Print(absl::StrCat("encoded_per_second_width_", width),
        absl::StrCat("encoder, ", name, ", at ", resolution, " px"),
        count / watch.Seconds(), "images/s");
}

int Encode(int resolution, int count) {
  EncodeWith("a quarter as wide", 32, resolution, count);
  EncodeWith("full size", 128, resolution, count);
  return 0;
}

int Main(const std::vector<std::string>& words) {
  const auto number = [&](size_t at) { return std::atoi(words[at].c_str()); };
  if (words.size() == 3 && words[0] == "make") return Make(words[1], number(2));
  if (words.size() == 3 && words[0] == "scan") return Scan(words[1], number(2));
  if (words.size() == 4 && words[0] == "load") {
    return Load(words[1], number(2), number(3));
  }
  if (words.size() == 3 && words[0] == "encode") {
    return Encode(number(1), number(2));
  }
  std::cerr << "usage: dataset_bench make DIR COUNT | scan DIR RESOLUTION | "
               "load DIR RESOLUTION BATCHES | encode RESOLUTION COUNT\n";
  return 2;
}

}  // namespace
}  // namespace atelier::trainer

int main(int argc, char** argv) {
  return atelier::trainer::Main({argv + 1, argv + argc});
}
