#include "trainer/data/latent_cache.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "opencv2/core/utility.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/data/background_writer.h"
#include "trainer/data/batch_maker.h"
#include "trainer/data/image/image_decode.h"
#include "trainer/data/image/image_transform.h"
#include "trainer/data/latent_store.h"
#include "trainer/data/ordered_pipeline.h"

namespace atelier::trainer {
namespace {

using Chunk = std::vector<CachedImage>;
using Clock = std::chrono::steady_clock;

// Images that wait for the disk.
constexpr size_t kMostWaitingWrites = 64;
double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

// Makes one cache. Images of one shape stand together in chunks of the batch
// size; threads read and decode chunks while the encoder works, and another
// writes what it made. A chunk that is not wholly on disk is encoded whole
// (without what npz files have), so that its numbers do not depend on what was
// there.
class LatentCaching {
 public:
  LatentCaching(const DatasetIndex& index, const BucketLayout& layout,
                const LatentCacheOptions& options, const EncodeImages& encode)
      : index_(index),
        layout_(layout),
        options_(options),
        encode_(encode),
        store_(index, layout, options) {}

  absl::StatusOr<std::unique_ptr<LatentCache>> Make() {
    const Clock::time_point start = Clock::now();
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
    for (const std::vector<int64_t>& images : plan) {
      ASSIGN_OR_RETURN(Chunk chunk, chunks.Take());
      RETURN_IF_ERROR(CheckTrust(images, &chunk));
      RETURN_IF_ERROR(Finish(std::move(chunk)));
      done += static_cast<int64_t>(images.size());
      if (options_.progress) {
        RETURN_IF_ERROR(options_.progress(done, total));
      }
    }
    RETURN_IF_ERROR(writer_.Finish());
    store_.SaveDigests();
    cache_->report_.seconds = SecondsSince(start);
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
      CachedImage& image = chunk.emplace_back(store_.Describe(number));
      RETURN_IF_ERROR(
          store_.LookUp(trusts_npz_, &image, &contents.emplace_back()));
      is_complete = is_complete && IsOnDisk(image);
    }
    for (size_t i = 0; !is_complete && i < chunk.size(); ++i) {
      if (chunk[i].is_from_npz) continue;
      const absl::Status decoded = Decode(std::move(contents[i]), &chunk[i]);
      if (absl::IsDataLoss(decoded) && options_.skip_corrupt_images) {
        LeaveOut(decoded, &chunk[i]);
      } else {
        RETURN_IF_ERROR(decoded);
      }
    }
    return chunk;
  }

  // An even picture goes through the encoder in its place.
  static void LeaveOut(const absl::Status& reason, CachedImage* image) {
    image->is_left_out = true;
    image->warnings.push_back(
        absl::StrCat("left out: ", std::string(reason.message())));
    for (CachedVariant& variant : image->variants) {
      const ImageSize size = variant.key.bucket;
      variant.pixels =
          torch::zeros({3, size.height, size.width}, torch::kFloat32);
    }
  }

  // `contents` of the image's file; empty: they are read.
  absl::Status Decode(std::string contents, CachedImage* image) const {
    const DatasetImage& entry = index_.images[image->image];
    if (contents.empty()) {
      ASSIGN_OR_RETURN(contents, ReadFile(entry.path));
      if (options_.to_disk) image->sha256 = Sha256Of(contents);
    }
    DecodeOptions options;
    options.exif_orientation = index_.dataset_of(entry).exif_orientation;
    ASSIGN_OR_RETURN(const DecodedImage image_file,
                     DecodeImageContents(contents, entry.path, options));
    const cv::Mat& decoded = image_file.rgb;
    RETURN_IF_ERROR(CheckUnchanged(entry, {decoded.cols, decoded.rows}));
    for (CachedVariant& variant : image->variants) {
      Augmentation augmentation;
      augmentation.flip = variant.key.flipped;
      variant.pixels = TransformImage(decoded, layout_.placements[image->image],
                                      variant.key.interpolation, augmentation);
    }
    return absl::OkStatus();
  }

  // The first image whose latents are taken on trust is encoded for comparison.
  // Where it differs, no latents are trusted and the chunk is prepared anew.
  absl::Status CheckTrust(const std::vector<int64_t>& images, Chunk* chunk) {
    const auto trusted = std::find_if(
        chunk->begin(), chunk->end(),
        [](const CachedImage& image) { return image.is_on_trust; });
    if (trusted == chunk->end()) return absl::OkStatus();
    if (!has_checked_trust_ && !options_.skip_check) {
      has_checked_trust_ = true;
      RETURN_IF_ERROR(CompareWithEncoder(*trusted));
    }
    if (trusts_npz_) return absl::OkStatus();
    ASSIGN_OR_RETURN(*chunk, Prepare(images));
    return absl::OkStatus();
  }

  absl::Status CompareWithEncoder(const CachedImage& trusted) {
    Chunk probe = {store_.Describe(trusted.image)};
    probe[0].variants.resize(1);
    RETURN_IF_ERROR(Decode("", &probe[0]));
    RETURN_IF_ERROR(EncodeVariant(0, &probe));
    if (CanBeDrawnFrom(trusted.variants[0].latents,
                       probe[0].variants[0].moments)) {
      return absl::OkStatus();
    }
    trusts_npz_ = false;
    cache_->report_.warnings.push_back(absl::StrCat(
        index_.images[trusted.image].path,
        ": the latents in its npz file are not what the autoencoder makes of "
        "it; no npz file that sd-scripts wrote is used, images are encoded "
        "again"));
    return absl::OkStatus();
  }

  // Encodes what is missing, keeps it on disk, and draws the latents.
  absl::Status Finish(Chunk chunk) {
    const size_t variants = chunk.front().variants.size();
    for (size_t v = 0; v < variants; ++v) {
      RETURN_IF_ERROR(EncodeVariant(v, &chunk));
    }
    for (CachedImage& image : chunk) {
      Count(image);
      for (size_t v = 0; v < variants; ++v) Draw(v, &image);
      RETURN_IF_ERROR(Keep(std::move(image)));
    }
    return absl::OkStatus();
  }

  void Count(const CachedImage& image) {
    LatentCacheReport& report = cache_->report_;
    const bool is_encoded = image.variants.front().pixels.defined();
    ++(is_encoded ? report.encoded : report.read_from_disk);
    report.read_from_npz += image.is_from_npz ? 1 : 0;
    report.taken_on_trust += image.is_on_trust ? 1 : 0;
    report.warnings.insert(report.warnings.end(), image.warnings.begin(),
                           image.warnings.end());
  }

  void Draw(size_t v, CachedImage* image) {
    CachedVariant& variant = image->variants[v];
    variant.pixels = Tensor();
    if (!variant.latents.defined()) {
      variant.latents = SampleMoments(variant.moments, options_.seed, 0,
                                      image->image, static_cast<uint32_t>(v));
      if (options_.to_disk && options_.writes_npz) {
        variant.latents = ThroughNpz(*options_.npz, variant.latents);
      }
    }
    (v == 0 ? cache_->latents_ : cache_->flipped_)[image->image] =
        variant.latents;
  }

  absl::Status Keep(CachedImage image) {
    if (image.is_left_out) cache_->left_out_.insert(image.image);
    if (!options_.to_disk || image.is_left_out || IsOnDisk(image)) {
      return absl::OkStatus();
    }
    return writer_.Add(
        [this, image = std::move(image)] { return store_.Save(image); });
  }

  // The images of the chunk that were decoded.
  absl::Status EncodeVariant(size_t v, Chunk* chunk) {
    std::vector<CachedImage*> decoded;
    std::vector<Tensor> pixels;
    for (CachedImage& image : *chunk) {
      if (!image.variants[v].pixels.defined()) continue;
      decoded.push_back(&image);
      pixels.push_back(image.variants[v].pixels);
    }
    if (decoded.empty()) return absl::OkStatus();
    const Clock::time_point start = Clock::now();
    ASSIGN_OR_RETURN(Tensor moments, encode_(torch::stack(pixels)));
    moments = moments.detach().to(torch::kCPU, torch::kFloat32).contiguous();
    cache_->report_.encoder_seconds += SecondsSince(start);
    RETURN_IF_ERROR(CheckShape(moments, decoded.size(),
                               decoded.front()->variants[v].key.bucket));
    for (size_t i = 0; i < decoded.size(); ++i) {
      CachedVariant& variant = decoded[i]->variants[v];
      variant.moments = moments[static_cast<int64_t>(i)];
      if (variant.moments.isfinite().all().item<bool>()) continue;
      return absl::OutOfRangeError(absl::StrCat(
          index_.images[decoded[i]->image].path,
          ": its latents are not finite; set no_half_vae, or look at the "
          "autoencoder"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckShape(const Tensor& moments, size_t images,
                          ImageSize bucket) const {
    if (moments.dim() == 4 && moments.size(0) == static_cast<int64_t>(images) &&
        moments.size(1) % 2 == 0 &&
        moments.size(2) == bucket.height / options_.latent_scale &&
        moments.size(3) == bucket.width / options_.latent_scale) {
      return absl::OkStatus();
    }
    return absl::InternalError(absl::StrCat(
        "the encoder made moments of another shape than a batch of ", images,
        " pictures of ", bucket.width, "x", bucket.height, " has"));
  }

  const DatasetIndex& index_;
  const BucketLayout& layout_;
  const LatentCacheOptions& options_;
  const EncodeImages& encode_;
  LatentStore store_;
  std::unique_ptr<LatentCache> cache_;
  std::atomic<bool> trusts_npz_ = true;
  bool has_checked_trust_ = false;
  // Ends first: it uses the store.
  BackgroundWriter writer_{kMostWaitingWrites};
};

absl::StatusOr<std::unique_ptr<LatentCache>> LatentCache::Make(
    const DatasetIndex& index, const BucketLayout& layout,
    const LatentCacheOptions& options, const EncodeImages& encode) {
  return LatentCaching(index, layout, options, encode).Make();
}

Tensor LatentCache::Latents(int64_t image, bool flipped) const {
  return (flipped ? flipped_ : latents_)[image];
}

}  // namespace atelier::trainer
