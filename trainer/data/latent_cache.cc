#include "trainer/data/latent_cache.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "opencv2/core/utility.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/batch_maker.h"
#include "trainer/data/image/image_decode.h"
#include "trainer/data/image/image_header.h"
#include "trainer/data/image/image_transform.h"
#include "trainer/data/latent_file.h"
#include "trainer/data/ordered_pipeline.h"
#include "trainer/tensor/random_tensor.h"

namespace atelier::trainer {
namespace {

// One image in one orientation on its way through the cache.
struct Variant {
  LatentVariant key;
  std::string path;  // of the file
  Tensor moments;    // from disk; undefined: not there
  Tensor pixels;     // [3, H, W], where moments are not there
};

struct CachedImage {
  int64_t image = 0;
  std::string sha256;
  std::vector<Variant> variants;  // upright, mirrored
  std::vector<std::string> warnings;
};

using Chunk = std::vector<CachedImage>;

bool IsOnDisk(const CachedImage& image) {
  return std::all_of(image.variants.begin(), image.variants.end(),
                     [](const Variant& v) { return v.moments.defined(); });
}

}  // namespace

// Makes one cache. Images of one shape stand together in chunks of the batch
// size; threads read and decode chunks while the encoder works. A chunk that is
// not wholly on disk is encoded whole, so that its numbers do not depend on
// what was there.
class LatentCaching {
 public:
  LatentCaching(const DatasetIndex& index, const BucketLayout& layout,
                const LatentCacheOptions& options, const EncodeImages& encode)
      : index_(index), layout_(layout), options_(options), encode_(encode) {}

  absl::StatusOr<std::unique_ptr<LatentCache>> Make() {
    cv::setNumThreads(1);
    cache_.reset(new LatentCache());
    cache_->latents_.resize(index_.images.size());
    cache_->flipped_.resize(index_.images.size());
    const std::vector<std::vector<int64_t>> plan = PlanChunks();
    OrderedPipeline<Chunk> chunks(
        options_.threads, static_cast<int64_t>(plan.size()),
        [&](int64_t number) { return Prepare(plan[number]); });
    const auto total = static_cast<int64_t>(index_.images.size());
    int64_t done = 0;
    for (size_t i = 0; i < plan.size(); ++i) {
      ASSIGN_OR_RETURN(Chunk chunk, chunks.Take());
      RETURN_IF_ERROR(Finish(std::move(chunk)));
      done += static_cast<int64_t>(plan[i].size());
      if (options_.progress) {
        RETURN_IF_ERROR(options_.progress(done, total));
      }
    }
    return std::move(cache_);
  }

 private:
  std::vector<std::vector<int64_t>> PlanChunks() const {
    std::map<std::pair<ImageSize, bool>, std::vector<int64_t>> groups;
    for (size_t i = 0; i < index_.images.size(); ++i) {
      const bool flips = index_.subset_of(index_.images[i]).flip_aug;
      groups[{layout_.placements[i].bucket, flips}].push_back(
          static_cast<int64_t>(i));
    }
    const auto size = static_cast<size_t>(options_.vae_batch_size);
    std::vector<std::vector<int64_t>> chunks;
    for (const auto& [shape, images] : groups) {
      for (size_t at = 0; at < images.size(); at += size) {
        const size_t end = std::min(at + size, images.size());
        chunks.emplace_back(images.begin() + at, images.begin() + end);
      }
    }
    return chunks;
  }

  // Runs in a thread of the pipeline.
  absl::StatusOr<Chunk> Prepare(const std::vector<int64_t>& images) const {
    Chunk chunk;
    std::vector<std::string> contents;
    bool is_complete = true;
    for (int64_t number : images) {
      CachedImage& image = chunk.emplace_back(Describe(number));
      RETURN_IF_ERROR(LookUp(&image, &contents.emplace_back()));
      is_complete = is_complete && IsOnDisk(image);
    }
    for (size_t i = 0; !is_complete && i < chunk.size(); ++i) {
      RETURN_IF_ERROR(Decode(contents[i], &chunk[i]));
    }
    return chunk;
  }

  CachedImage Describe(int64_t number) const {
    const DatasetImage& entry = index_.images[number];
    const SubsetOptions& subset = index_.subset_of(entry);
    const Placement& placement = layout_.placements[number];
    CachedImage image;
    image.image = number;
    for (int flipped = 0; flipped <= (subset.flip_aug ? 1 : 0); ++flipped) {
      Variant& variant = image.variants.emplace_back();
      variant.key = {.resized = placement.resized,
                     .bucket = placement.bucket,
                     .interpolation = subset.resize_interpolation,
                     .flipped = flipped == 1,
                     .encoder_digest = options_.encoder_digest,
                     .latent_scale = options_.latent_scale};
      variant.path = LatentFilePath(entry.path, variant.key, options_.folder);
    }
    return image;
  }

  // Fills the moments that are on disk. Reads the image's contents unless the
  // files are to be trusted.
  absl::Status LookUp(CachedImage* image, std::string* contents) const {
    if (!options_.to_disk) return absl::OkStatus();
    if (!options_.skip_check) {
      ASSIGN_OR_RETURN(*contents, ReadFile(index_.images[image->image].path));
      image->sha256 = Sha256Of(*contents);
    }
    for (Variant& variant : image->variants) {
      absl::StatusOr<Tensor> moments =
          ReadLatentFile(variant.path, variant.key, image->sha256);
      if (moments.ok()) {
        variant.moments = *std::move(moments);
      } else if (!absl::IsNotFound(moments.status())) {
        image->warnings.push_back(absl::StrCat(moments.status().message(),
                                               "; the image is encoded again"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Decode(std::string& contents, CachedImage* image) const {
    const DatasetImage& entry = index_.images[image->image];
    if (auto size = ReadImageSize(entry.path); !size.ok()) {
      return AddContext(size.status(), entry.path);
    }
    if (contents.empty()) {
      ASSIGN_OR_RETURN(contents, ReadFile(entry.path));
      if (options_.to_disk) image->sha256 = Sha256Of(contents);
    }
    ASSIGN_OR_RETURN(const cv::Mat decoded,
                     DecodeImageBytes(contents, entry.path));
    RETURN_IF_ERROR(CheckUnchanged(entry, {decoded.cols, decoded.rows}));
    for (Variant& variant : image->variants) {
      Augmentation augmentation;
      augmentation.flip = variant.key.flipped;
      variant.pixels = TransformImage(decoded, layout_.placements[image->image],
                                      variant.key.interpolation, augmentation);
    }
    contents.clear();
    return absl::OkStatus();
  }

  // Encodes what is missing, keeps it on disk, and draws the latents.
  absl::Status Finish(Chunk chunk) {
    const bool is_encoded = chunk.front().variants.front().pixels.defined();
    (is_encoded ? cache_->report_.encoded : cache_->report_.read_from_disk) +=
        static_cast<int64_t>(chunk.size());
    const size_t variants = chunk.front().variants.size();
    for (size_t v = 0; is_encoded && v < variants; ++v) {
      RETURN_IF_ERROR(EncodeVariant(v, &chunk));
    }
    for (CachedImage& image : chunk) {
      for (size_t v = 0; v < variants; ++v) {
        std::vector<Tensor>& latents =
            v == 0 ? cache_->latents_ : cache_->flipped_;
        latents[image.image] =
            SampleMoments(image.variants[v].moments, options_.seed, 0,
                          image.image, static_cast<uint32_t>(v));
      }
      auto& warnings = cache_->report_.warnings;
      warnings.insert(warnings.end(), image.warnings.begin(),
                      image.warnings.end());
    }
    return absl::OkStatus();
  }

  absl::Status EncodeVariant(size_t v, Chunk* chunk) {
    std::vector<Tensor> pixels;
    for (CachedImage& image : *chunk) {
      pixels.push_back(std::move(image.variants[v].pixels));
    }
    const Tensor images = torch::stack(pixels);
    ASSIGN_OR_RETURN(Tensor moments, encode_(images));
    moments = moments.detach().to(torch::kCPU, torch::kFloat32).contiguous();
    const ImageSize bucket = chunk->front().variants[v].key.bucket;
    if (moments.dim() != 4 || moments.size(0) != images.size(0) ||
        moments.size(1) % 2 != 0 ||
        moments.size(2) != bucket.height / options_.latent_scale ||
        moments.size(3) != bucket.width / options_.latent_scale) {
      return absl::InternalError(absl::StrCat(
          "the encoder made moments of another shape than a batch of ",
          images.size(0), " pictures of ", bucket.width, "x", bucket.height,
          " has"));
    }
    for (size_t i = 0; i < chunk->size(); ++i) {
      RETURN_IF_ERROR(Keep((*chunk)[i], v, moments[static_cast<int64_t>(i)]));
    }
    return absl::OkStatus();
  }

  absl::Status Keep(CachedImage& image, size_t v, const Tensor& moments) {
    Variant& variant = image.variants[v];
    const bool was_on_disk = variant.moments.defined();
    variant.moments = moments;
    if (!moments.isfinite().all().item<bool>()) {
      return absl::OutOfRangeError(absl::StrCat(
          index_.images[image.image].path,
          ": its latents are not finite; set no_half_vae, or look at the "
          "autoencoder"));
    }
    if (!options_.to_disk || was_on_disk) return absl::OkStatus();
    const std::string folder =
        std::filesystem::path(variant.path).parent_path().string();
    if (cleaned_.insert(folder).second) RemovePartials(folder);
    return WriteLatentFile(variant.path, moments.clone(), image.sha256);
  }

  const DatasetIndex& index_;
  const BucketLayout& layout_;
  const LatentCacheOptions& options_;
  const EncodeImages& encode_;
  std::unique_ptr<LatentCache> cache_;
  std::set<std::string> cleaned_;  // folders without leftovers of dead writers
};

absl::StatusOr<std::unique_ptr<LatentCache>> LatentCache::Make(
    const DatasetIndex& index, const BucketLayout& layout,
    const LatentCacheOptions& options, const EncodeImages& encode) {
  return LatentCaching(index, layout, options, encode).Make();
}

Tensor LatentCache::Latents(int64_t image, bool flipped) const {
  return (flipped ? flipped_ : latents_)[image];
}

Tensor SampleMoments(const Tensor& moments, uint64_t seed, int64_t epoch,
                     int64_t image, uint32_t index) {
  const std::vector<Tensor> parts = moments.chunk(2, 0);
  const Tensor deviation = (parts[1].clamp(-30, 20) * 0.5).exp();
  const BatchRng rng{seed, static_cast<uint64_t>(epoch),
                     static_cast<uint64_t>(image)};
  const Tensor noise = rng.Normal(RngPurpose::kLatentSample,
                                  parts[0].unsqueeze(0).sizes(), index)[0];
  return (parts[0] + deviation * noise).contiguous();
}

}  // namespace atelier::trainer
