#include "trainer/data/dataset_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/bucket.h"
#include "trainer/data/config/config_report.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/metadata_file.h"
#include "trainer/data/subset_images.h"

namespace atelier::trainer {
namespace {

// An image may be enlarged to this many times its bucket before it is cropped;
// more would be a strip of a few pixels.
constexpr double kMaxCover = 64;

// What keeps an image of this size out of the dataset, or nothing.
std::string SizeProblem(const DatasetOptions& dataset, ImageSize size) {
  ImageSize bucket = {dataset.width, dataset.height};
  ImageSize resized = CoverSize(size, bucket);
  if (dataset.enable_bucket) {
    const BucketChoice choice =
        BucketSet(BucketOptionsOf(dataset)).Select(size);
    bucket = choice.bucket;
    resized = choice.resized;
  }
  if (bucket.width == 0 || bucket.height == 0) {
    return absl::StrCat(
        "is ", size.width, "x", size.height,
        " and may not be enlarged (bucket_no_upscale): a side is below one "
        "bucket step of ",
        dataset.bucket_reso_steps, " pixels");
  }
  const double cover = static_cast<double>(resized.width) * resized.height;
  if (cover > kMaxCover * bucket.width * bucket.height) {
    return absl::StrCat("is ", size.width, "x", size.height,
                        ": too narrow for a bucket of ", bucket.width, "x",
                        bucket.height);
  }
  return "";
}

constexpr size_t kFirstBytes = 4096;

std::string FirstBytes(const std::string& path) {
  std::string bytes(kFirstBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

// Scans one description after another.
class Scanner {
 public:
  Scanner(const DatasetConfig& config, const ScanOptions& options)
      : options_(options) {
    index_.config = config;
  }

  absl::StatusOr<DatasetIndex> Scan() {
    for (size_t i = 0; i < index_.config.datasets.size(); ++i) List(i);
    for (const Listed& listed : listed_) total_ += listed.files.size();
    for (size_t i = 0; i < index_.config.datasets.size(); ++i) {
      RETURN_IF_ERROR(ScanOne(static_cast<int>(i)));
    }
    RETURN_IF_ERROR(report_.ToStatus());
    if (index_.train_images == 0) {
      return absl::NotFoundError("the dataset has no images to train on");
    }
    index_.warnings = std::move(report_.warnings);
    index_.digest = Digest();
    return std::move(index_);
  }

 private:
  struct Listed {
    int dataset;
    int subset;
    std::vector<CaptionedImage> files;
  };

  void List(size_t dataset) {
    const std::vector<SubsetOptions>& subsets =
        index_.config.datasets[dataset].subsets;
    for (size_t i = 0; i < subsets.size(); ++i) {
      listed_.push_back({static_cast<int>(dataset), static_cast<int>(i),
                         subsets[i].metadata_file.empty()
                             ? ListSubsetImages(subsets[i], &report_)
                             : ListMetadataImages(subsets[i], &report_)});
    }
  }

  absl::Status ScanOne(int dataset) {
    std::vector<DatasetImage> training;
    std::vector<DatasetImage> regularization;
    for (Listed& listed : listed_) {
      if (listed.dataset != dataset) continue;
      const SubsetOptions& subset =
          index_.config.datasets[dataset].subsets[listed.subset];
      std::vector<DatasetImage>& images =
          subset.is_reg ? regularization : training;
      for (CaptionedImage& file : listed.files) {
        DatasetImage image;
        image.path = std::move(file.path);
        image.caption = std::move(file.caption);
        image.repeats = subset.num_repeats;
        image.is_regularization = subset.is_reg;
        image.loss_weight = subset.is_reg ? options_.prior_loss_weight : 1.0;
        image.dataset = dataset;
        image.subset = listed.subset;
        if (ReadFacts(&image)) images.push_back(std::move(image));
        if (options_.progress) {
          RETURN_IF_ERROR(options_.progress(++done_, total_));
        }
      }
    }
    Register(std::move(training), std::move(regularization));
    return absl::OkStatus();
  }

  // Size of the image and its file; false where it is bad.
  bool ReadFacts(DatasetImage* image) {
    const auto size = ReadImageSize(image->path);
    std::string problem(size.status().message());
    if (size.ok()) {
      image->width = size->width;
      image->height = size->height;
      problem = SizeProblem(index_.config.datasets[image->dataset], *size);
    }
    struct stat info = {};
    if (problem.empty() && stat(image->path.c_str(), &info) != 0) {
      problem = "cannot be read";
    }
    image->size_bytes = info.st_size;
    if (problem.empty()) return true;
    problem = absl::StrCat(image->path, ": ", problem);
    if (options_.skip_corrupt_images) {
      report_.warnings.push_back("left out: " + problem);
    } else {
      report_.errors.push_back(std::move(problem));
    }
    return false;
  }

  // Training images, then as many regularization images, round and round, as
  // there are training images with their repeats.
  void Register(std::vector<DatasetImage> training,
                std::vector<DatasetImage> regularization) {
    int64_t wanted = 0;
    for (DatasetImage& image : training) {
      wanted += image.repeats;
      ++index_.train_images;
      index_.images.push_back(std::move(image));
    }
    int64_t offered = 0;
    for (const DatasetImage& image : regularization) offered += image.repeats;
    if (offered > wanted) {
      report_.warnings.push_back(absl::StrCat(
          "only ", wanted, " of ", offered,
          " regularization images (with repeats) are used: as many as there "
          "are training images"));
    }
    const size_t first = index_.images.size();
    int64_t taken = 0;
    for (size_t i = 0; taken < wanted && i < regularization.size(); ++i) {
      taken += regularization[i].repeats;
      ++index_.regularization_images;
      index_.images.push_back(std::move(regularization[i]));
    }
    const size_t used = index_.images.size() - first;
    for (size_t i = 0; used > 0 && taken < wanted; ++i, ++taken) {
      ++index_.images[first + i % used].repeats;
    }
  }

  std::string Digest() const {
    Sha256 digest;
    for (const DatasetImage& image : index_.images) {
      const std::string name =
          std::filesystem::path(image.path).filename().string();
      digest.Update(
          absl::StrCat(name, "\n", image.dataset, " ", image.subset, " ",
                       image.width, " ", image.height, " ", image.repeats, " ",
                       image.is_regularization, " ", image.size_bytes, " ",
                       image.caption.size(), "\n", image.caption, "\n"));
      digest.Update(FirstBytes(image.path));
    }
    return digest.Finish();
  }

  const ScanOptions& options_;
  ConfigReport report_;
  std::vector<Listed> listed_;
  int64_t done_ = 0;
  int64_t total_ = 0;
  DatasetIndex index_;
};

}  // namespace

absl::StatusOr<DatasetIndex> ScanDataset(const DatasetConfig& config,
                                         const ScanOptions& options) {
  return Scanner(config, options).Scan();
}

}  // namespace atelier::trainer
