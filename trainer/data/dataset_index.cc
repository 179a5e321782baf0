#include "trainer/data/dataset_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/bucket.h"
#include "trainer/data/config/config_report.h"
#include "trainer/data/held_out.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/metadata_file.h"
#include "trainer/data/subset_images.h"

namespace atelier::trainer {
namespace {

// An image may be enlarged to this many times its bucket before it is cropped;
// more would be a strip of a few pixels.
constexpr double kMaxCover = 64;

// What keeps an image of this size out of the dataset, or nothing.
std::string SizeProblem(const DatasetOptions &dataset, ImageSize size) {
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

std::string FirstBytes(const std::string &path) {
  std::string bytes(kFirstBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

// Scans one description after another.
class Scanner {
public:
  Scanner(const DatasetConfig &config, const ScanOptions &options)
      : options_(options) {
    index_.config = config;
  }

  absl::StatusOr<DatasetIndex> Scan() {
    for (size_t i = 0; i < index_.config.datasets.size(); ++i)
      List(i);
    for (const Listed &listed : listed_)
      total_ += listed.files.size();
    std::vector<SortedImages> datasets(index_.config.datasets.size());
    for (size_t i = 0; i < datasets.size(); ++i) {
      RETURN_IF_ERROR(ScanOne(static_cast<int>(i), &datasets[i]));
    }
    RETURN_IF_ERROR(report_.ToStatus());
    HoldOut(datasets);
    for (SortedImages &sorted : datasets)
      Register(std::move(sorted));
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

  // The images of one dataset.
  struct SortedImages {
    std::vector<DatasetImage> training;
    std::vector<DatasetImage> regularization;
  };

  void List(size_t dataset) {
    const std::vector<SubsetOptions> &subsets =
        index_.config.datasets[dataset].subsets;
    for (size_t i = 0; i < subsets.size(); ++i) {
      listed_.push_back({static_cast<int>(dataset), static_cast<int>(i),
                         subsets[i].metadata_file.empty()
                             ? ListSubsetImages(subsets[i], &report_)
                             : ListMetadataImages(subsets[i], &report_)});
    }
  }

  absl::Status ScanOne(int dataset, SortedImages *sorted) {
    for (Listed &listed : listed_) {
      if (listed.dataset != dataset)
        continue;
      const SubsetOptions &subset =
          index_.config.datasets[dataset].subsets[listed.subset];
      std::vector<DatasetImage> &images =
          subset.is_reg ? sorted->regularization : sorted->training;
      for (CaptionedImage &file : listed.files) {
        DatasetImage image;
        image.path = std::move(file.path);
        image.caption = std::move(file.caption);
        image.repeats = subset.num_repeats;
        image.is_regularization = subset.is_reg;
        image.loss_weight = subset.is_reg ? options_.prior_loss_weight : 1.0;
        image.dataset = dataset;
        image.subset = listed.subset;
        if (ReadFacts(&image))
          images.push_back(std::move(image));
        if (options_.progress) {
          RETURN_IF_ERROR(options_.progress(++done_, total_));
        }
      }
    }
    return absl::OkStatus();
  }

  // Size of the image and its file; false where it is bad.
  bool ReadFacts(DatasetImage *image) {
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
    if (problem.empty())
      return true;
    problem = absl::StrCat(image->path, ": ", problem);
    if (options_.skip_corrupt_images) {
      report_.warnings.push_back("left out: " + problem);
    } else {
      report_.errors.push_back(std::move(problem));
    }
    return false;
  }

  // Takes held-out images from the training images of every dataset. An image
  // that several datasets have is held out of all of them.
  void HoldOut(std::vector<SortedImages> &datasets) {
    std::set<std::string> held_out;
    for (size_t i = 0; i < datasets.size(); ++i) {
      const std::vector<DatasetImage> &images = datasets[i].training;
      const std::vector<bool> chosen = ChosenOf(images, i);
      for (size_t j = 0; j < images.size(); ++j) {
        if (chosen[j])
          held_out.insert(images[j].path);
      }
    }
    for (SortedImages &sorted : datasets) {
      const auto first_held_out = std::stable_partition(
          sorted.training.begin(), sorted.training.end(),
          [&](const auto &image) { return held_out.count(image.path) == 0; });
      for (auto image = first_held_out; image != sorted.training.end();
           ++image) {
        image->repeats = 1;
        index_.held_out.push_back(std::move(*image));
      }
      sorted.training.erase(first_held_out, sorted.training.end());
    }
  }

  // Which training images of a dataset are held out: whole subsets, and a share
  // of the others.
  std::vector<bool> ChosenOf(const std::vector<DatasetImage> &images,
                             size_t dataset) {
    const DatasetOptions &options = index_.config.datasets[dataset];
    std::vector<DatasetImage> others;
    for (const DatasetImage &image : images) {
      if (!index_.subset_of(image).is_val)
        others.push_back(image);
    }
    const uint64_t seed = options.validation_seed.has_value()
                              ? static_cast<uint64_t>(*options.validation_seed)
                              : options_.seed;
    const std::vector<bool> share =
        ChooseHeldOut(others, options.validation_split, seed);
    if (options.validation_split > 0 && others.size() < 2) {
      report_.warnings.push_back(absl::StrCat(
          "validation_split holds nothing out of dataset ", dataset + 1,
          ", which has ", others.size(), " training images; 2 are needed"));
    }
    std::vector<bool> chosen;
    size_t next = 0;
    for (const DatasetImage &image : images) {
      chosen.push_back(index_.subset_of(image).is_val || share[next++]);
    }
    return chosen;
  }

  // Training images, then as many regularization images, round and round, as
  // there are training images with their repeats.
  void Register(SortedImages sorted) {
    std::vector<DatasetImage> &regularization = sorted.regularization;
    int64_t wanted = 0;
    for (DatasetImage &image : sorted.training) {
      wanted += image.repeats;
      ++index_.train_images;
      index_.images.push_back(std::move(image));
    }
    int64_t offered = 0;
    for (const DatasetImage &image : regularization)
      offered += image.repeats;
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
    for (const DatasetImage &image : index_.images)
      AddTo(digest, image);
    if (!index_.held_out.empty())
      digest.Update("held out\n");
    for (const DatasetImage &image : index_.held_out)
      AddTo(digest, image);
    return digest.Finish();
  }

  static void AddTo(Sha256 &digest, const DatasetImage &image) {
    const std::string name =
        std::filesystem::path(image.path).filename().string();
    digest.Update(absl::StrCat(name, "\n", image.dataset, " ", image.subset,
                               " ", image.width, " ", image.height, " ",
                               image.repeats, " ", image.is_regularization, " ",
                               image.size_bytes, " ", image.caption.size(),
                               "\n", image.caption, "\n"));
    digest.Update(FirstBytes(image.path));
  }

  const ScanOptions &options_;
  ConfigReport report_;
  std::vector<Listed> listed_;
  int64_t done_ = 0;
  int64_t total_ = 0;
  DatasetIndex index_;
};

} // namespace

absl::StatusOr<DatasetIndex> ScanDataset(const DatasetConfig &config,
                                         const ScanOptions &options) {
  return Scanner(config, options).Scan();
}

} // namespace atelier::trainer
