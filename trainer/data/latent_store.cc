#include "trainer/data/latent_store.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

std::string FolderOf(const std::string& path) {
  return fs::path(path).parent_path().string();
}

}  // namespace

bool IsOnDisk(const CachedImage& image) {
  return std::all_of(image.variants.begin(), image.variants.end(),
                     [](const CachedVariant& v) { return v.was_on_disk; });
}

CachedImage LatentStore::Describe(int64_t number) const {
  const DatasetImage& entry = index_.images[number];
  const SubsetOptions& subset = index_.subset_of(entry);
  const Placement& placement = layout_.placements[number];
  CachedImage image;
  image.image = number;
  for (int flipped = 0; flipped <= (subset.flip_aug ? 1 : 0); ++flipped) {
    image.variants.emplace_back().key = {
        .resized = placement.resized,
        .bucket = placement.bucket,
        .interpolation = subset.resize_interpolation,
        .flipped = flipped == 1,
        .encoder_digest = options_.encoder_digest,
        .latent_scale = options_.latent_scale,
        .exif_orientation = index_.dataset_of(entry).exif_orientation};
  }
  return image;
}

absl::Status LatentStore::LookUp(bool on_trust, CachedImage* image,
                                 std::string* contents) const {
  if (!options_.to_disk) return absl::OkStatus();
  if (!options_.skip_check) {
    const std::string& path = index_.images[image->image].path;
    if (options_.writes_npz) {
      ASSIGN_OR_RETURN(*contents, ReadFile(path));
      image->sha256 = Sha256Of(*contents);
    } else {
      const std::string own = OwnPath(*image, image->variants.front());
      ASSIGN_OR_RETURN(image->sha256,
                       digests_.Of(path, FolderOf(own), contents));
    }
  }
  if (!options_.writes_npz) LookUpOwn(image);
  if (options_.npz.has_value() && !IsOnDisk(*image)) {
    LookUpNpz(on_trust, image);
  }
  return absl::OkStatus();
}

void LatentStore::SaveDigests() { digests_.Save(); }

std::string LatentStore::OwnPath(const CachedImage& image,
                                 const CachedVariant& variant) const {
  return LatentFilePath(index_.images[image.image].path, variant.key,
                        options_.folder);
}

void LatentStore::LookUpOwn(CachedImage* image) const {
  for (CachedVariant& variant : image->variants) {
    absl::StatusOr<Tensor> moments =
        ReadLatentFile(OwnPath(*image, variant), variant.key, image->sha256);
    if (moments.ok()) {
      variant.moments = *std::move(moments);
      variant.was_on_disk = true;
    } else if (!absl::IsNotFound(moments.status())) {
      image->warnings.push_back(absl::StrCat(moments.status().message(),
                                             "; the image is encoded again"));
    }
  }
}

LatentNpzImage LatentStore::NpzImage(const CachedImage& image) const {
  const DatasetImage& entry = index_.images[image.image];
  LatentNpzImage npz;
  npz.path = entry.path;
  npz.size = {entry.width, entry.height};
  npz.crop = layout_.placements[image.image].crop;
  npz.variant = image.variants.front().key;
  npz.needs_flipped = image.variants.size() > 1;
  npz.is_turned = npz.variant.exif_orientation && entry.has_orientation;
  npz.sha256 = image.sha256;
  return npz;
}

void LatentStore::LookUpNpz(bool on_trust, CachedImage* image) const {
  absl::StatusOr<NpzLatents> found =
      ReadLatentNpz(*options_.npz, NpzImage(*image), options_.skip_check);
  if (!found.ok()) {
    if (!absl::IsNotFound(found.status())) {
      image->warnings.push_back(absl::StrCat(found.status().message(),
                                             "; the image is encoded again"));
    }
    return;
  }
  if (!found->is_proven && !on_trust) return;
  image->is_from_npz = true;
  image->is_on_trust = !found->is_proven;
  for (CachedVariant& variant : image->variants) {
    variant.moments = Tensor();
    variant.latents =
        std::move(variant.key.flipped ? found->flipped : found->latents);
    variant.was_on_disk = true;
  }
}

absl::Status LatentStore::Save(const CachedImage& image) {
  if (!options_.to_disk || IsOnDisk(image)) return absl::OkStatus();
  const std::string path = options_.writes_npz
                               ? index_.images[image.image].path
                               : OwnPath(image, image.variants.front());
  if (const std::string folder = FolderOf(path);
      cleaned_.insert(folder).second) {
    RemovePartials(folder);
  }
  if (options_.writes_npz) {
    NpzLatents latents;
    latents.latents = image.variants.front().latents;
    if (image.variants.size() > 1) latents.flipped = image.variants[1].latents;
    return WriteLatentNpz(*options_.npz, NpzImage(image), latents);
  }
  for (const CachedVariant& variant : image.variants) {
    if (variant.was_on_disk) continue;
    RETURN_IF_ERROR(WriteLatentFile(OwnPath(image, variant),
                                    variant.moments.clone(), image.sha256));
  }
  return absl::OkStatus();
}

}  // namespace atelier::trainer
