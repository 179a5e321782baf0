#include "trainer/data/image_scan.h"

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/parallel_for.h"

namespace atelier::trainer {
namespace {

// An image may be enlarged to this many times its bucket before it is cropped;
// more would be a strip of a few pixels.
constexpr double kMaxCover = 64;

// What keeps an image of this size out of the dataset, or nothing.
std::string SizeProblem(const DatasetOptions& dataset, const BucketSet& buckets,
                        ImageSize size) {
  ImageSize bucket = {dataset.width, dataset.height};
  ImageSize resized = CoverSize(size, bucket);
  if (dataset.enable_bucket) {
    const BucketChoice choice = buckets.Choose(size);
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

absl::StatusOr<ImageFacts> ReadFacts(const std::string& path,
                                     const DatasetOptions& dataset) {
  ASSIGN_OR_RETURN(const ImageBytes bytes, ImageBytes::Open(path));
  ASSIGN_OR_RETURN(const ImageHeader header, ReadImageHeader(bytes));
  ImageFacts facts;
  facts.size = dataset.exif_orientation ? header.upright_size() : header.size;
  facts.has_orientation = header.orientation != 1;
  facts.has_alpha = header.has_alpha;
  facts.size_bytes = bytes.size();
  facts.head_sha256 = Sha256Of(bytes.head());
  return facts;
}

}  // namespace

absl::StatusOr<std::vector<ImageFacts>> ScanImages(
    absl::Span<const DatasetOptions> datasets,
    absl::Span<const ImageToScan> images,
    const std::function<absl::Status(int64_t done, int64_t total)>& progress) {
  std::vector<BucketSet> buckets;
  for (const DatasetOptions& dataset : datasets) {
    buckets.emplace_back(BucketOptionsOf(dataset));
  }
  std::vector<ImageFacts> facts(images.size());
  const auto scan_one = [&](int64_t number) {
    const ImageToScan& image = images[number];
    const DatasetOptions& dataset = datasets[image.dataset];
    absl::StatusOr<ImageFacts> found = ReadFacts(image.path, dataset);
    if (!found.ok()) {
      facts[number].problem = std::string(found.status().message());
      return;
    }
    found->problem = SizeProblem(dataset, buckets[image.dataset], found->size);
    facts[number] = *std::move(found);
  };
  RETURN_IF_ERROR(
      ParallelFor(static_cast<int64_t>(images.size()), scan_one, progress));
  return facts;
}

}  // namespace atelier::trainer
