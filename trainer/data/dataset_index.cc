#include "trainer/data/dataset_index.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/config/config_report.h"
#include "trainer/data/held_out.h"
#include "trainer/data/image_scan.h"
#include "trainer/data/mask_files.h"
#include "trainer/data/metadata_file.h"
#include "trainer/data/subset_images.h"

namespace atelier::trainer {
namespace {

// Scans one description after another.
class Scanner {
 public:
  Scanner(const DatasetConfig& config, const ScanOptions& options)
      : options_(options) {
    index_.config = config;
  }

  absl::StatusOr<DatasetIndex> Scan() {
    for (size_t i = 0; i < index_.config.datasets.size(); ++i) List(i);
    RETURN_IF_ERROR(ReadFacts());
    std::vector<SortedImages> datasets(index_.config.datasets.size());
    for (size_t i = 0; i < datasets.size(); ++i) {
      Sort(static_cast<int>(i), &datasets[i]);
    }
    ReportBadFiles();
    RETURN_IF_ERROR(report_.ToStatus());
    HoldOut(datasets);
    for (SortedImages& sorted : datasets) Register(std::move(sorted));
    if (index_.train_images == 0) {
      return NoImages();
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
    std::vector<ImageFacts> facts;  // one for each file
  };

  // The images of one dataset.
  struct SortedImages {
    std::vector<DatasetImage> training;
    std::vector<DatasetImage> regularization;
  };

  void List(size_t dataset) {
    const std::vector<SubsetOptions>& subsets =
        index_.config.datasets[dataset].subsets;
    for (size_t i = 0; i < subsets.size(); ++i) {
      listed_.push_back({static_cast<int>(dataset),
                         static_cast<int>(i),
                         subsets[i].metadata_file.empty()
                             ? ListSubsetImages(subsets[i], &report_)
                             : ListMetadataImages(subsets[i], &report_),
                         {}});
    }
  }

  // Reads the headers of all subsets at once, so that all cores are busy.
  absl::Status ReadFacts() {
    std::vector<ImageToScan> images;
    for (const Listed& listed : listed_) {
      for (const CaptionedImage& file : listed.files) {
        images.push_back({file.path, listed.dataset});
      }
    }
    ASSIGN_OR_RETURN(
        std::vector<ImageFacts> facts,
        ScanImages(index_.config.datasets, images, options_.progress));
    auto next = std::make_move_iterator(facts.begin());
    for (Listed& listed : listed_) {
      const auto count = static_cast<ptrdiff_t>(listed.files.size());
      listed.facts.assign(next, next + count);
      next += count;
      const DatasetOptions& dataset = index_.config.datasets[listed.dataset];
      WarnOfStatedSizes(dataset.subsets[listed.subset], listed.files,
                        listed.facts, &report_);
      FindMasks(dataset.subsets[listed.subset], dataset.exif_orientation,
                listed.facts, &listed.files, &report_);
    }
    return absl::OkStatus();
  }

  void Sort(int dataset, SortedImages* sorted) {
    for (Listed& listed : listed_) {
      if (listed.dataset != dataset) continue;
      const SubsetOptions& subset =
          index_.config.datasets[dataset].subsets[listed.subset];
      std::vector<DatasetImage>& images =
          subset.is_reg ? sorted->regularization : sorted->training;
      for (size_t i = 0; i < listed.files.size(); ++i) {
        if (IsBad(listed.files[i], listed.facts[i])) continue;
        images.push_back(MakeImage(listed, i));
      }
    }
  }

  // Notes what is wrong with a file.
  bool IsBad(const CaptionedImage& file, const ImageFacts& facts) {
    if (!facts.problem.empty() && !file.path.empty()) {
      index_.bad_files.push_back(
          {file.path, absl::StrCat(file.path, ": ", facts.problem)});
    }
    if (!file.problem.empty()) {
      index_.bad_files.push_back({file.path, file.problem});
    }
    return !facts.problem.empty() || !file.problem.empty();
  }

  DatasetImage MakeImage(Listed& listed, size_t place) const {
    const SubsetOptions& subset =
        index_.config.datasets[listed.dataset].subsets[listed.subset];
    CaptionedImage& file = listed.files[place];
    ImageFacts& facts = listed.facts[place];
    DatasetImage image;
    image.path = std::move(file.path);
    image.width = facts.size.width;
    image.height = facts.size.height;
    image.caption = std::move(file.caption);
    image.has_own_caption = file.has_own_caption;
    image.mask_path = std::move(file.mask_path);
    image.mask_sha256 = std::move(file.mask_sha256);
    image.repeats = subset.num_repeats;
    image.is_regularization = subset.is_reg;
    image.loss_weight = subset.is_reg ? options_.prior_loss_weight : 1.0;
    image.dataset = listed.dataset;
    image.subset = listed.subset;
    image.size_bytes = facts.size_bytes;
    image.head_sha256 = std::move(facts.head_sha256);
    image.has_alpha = facts.has_alpha;
    image.has_orientation = facts.has_orientation;
    return image;
  }

  // Every bad file as an error, or as a warning where they are skipped.
  void ReportBadFiles() {
    const bool skips = options_.skip_corrupt_images;
    if (!skips && !index_.bad_files.empty()) {
      report_.errors.push_back(absl::StrCat(
          index_.bad_files.size(),
          " of the dataset's files cannot be used; mend or remove them, or "
          "leave them out with skip_corrupt_images"));
    }
    for (const BadFile& file : index_.bad_files) {
      if (skips) {
        report_.warnings.push_back("left out: " + file.problem);
      } else {
        report_.errors.push_back(file.problem);
      }
    }
    int64_t turned = 0;
    for (const Listed& listed : listed_) {
      if (index_.config.datasets[listed.dataset].exif_orientation) continue;
      turned += std::count_if(
          listed.facts.begin(), listed.facts.end(),
          [](const auto& facts) { return facts.has_orientation; });
    }
    if (turned > 0) {
      report_.warnings.push_back(absl::StrCat(
          turned,
          " images are not stored upright, as their EXIF data says, and "
          "are trained as stored; exif_orientation turns them"));
    }
  }

  absl::Status NoImages() const {
    const std::string message = "the dataset has no images to train on";
    if (index_.bad_files.empty()) return absl::NotFoundError(message);
    return absl::NotFoundError(absl::StrCat(
        message, ": ", index_.bad_files.size(), " bad files are left out, ",
        index_.bad_files.front().problem));
  }

  void HoldOut(std::vector<SortedImages>& datasets) {
    std::vector<std::vector<DatasetImage>*> training;
    for (SortedImages& sorted : datasets) training.push_back(&sorted.training);
    index_.held_out =
        TakeHeldOut(index_.config, options_.seed, training, &report_);
  }

  // Training images, then as many regularization images, round and round, as
  // there are training images with their repeats.
  void Register(SortedImages sorted) {
    std::vector<DatasetImage>& regularization = sorted.regularization;
    int64_t wanted = 0;
    for (DatasetImage& image : sorted.training) {
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
    for (const DatasetImage& image : index_.images) AddTo(digest, image);
    if (!index_.held_out.empty()) digest.Update("held out\n");
    for (const DatasetImage& image : index_.held_out) AddTo(digest, image);
    return digest.Finish();
  }

  static void AddTo(Sha256& digest, const DatasetImage& image) {
    const std::string name =
        std::filesystem::path(image.path).filename().string();
    digest.Update(absl::StrCat(name, "\n", image.dataset, " ", image.subset,
                               " ", image.width, " ", image.height, " ",
                               image.repeats, " ", image.is_regularization, " ",
                               image.size_bytes, " ", image.caption.size(),
                               "\n", image.caption, "\n"));
    digest.Update(image.head_sha256);
    digest.Update(image.mask_sha256);
  }

  const ScanOptions& options_;
  ConfigReport report_;
  std::vector<Listed> listed_;
  DatasetIndex index_;
};

}  // namespace

absl::StatusOr<DatasetIndex> ScanDataset(const DatasetConfig& config,
                                         const ScanOptions& options) {
  return Scanner(config, options).Scan();
}

}  // namespace atelier::trainer
