// One image's encoded moments on disk.
//
//   FOLDER/IMAGE_NAME.VARIANT.safetensors     tensor `moments` [2C, h, w] fp32
//
// VARIANT is a digest of everything but the image that the moments depend on:
// sizes, crop, interpolation, mirroring, encoder, and the version of this code.
// The image's own digest is in the file's metadata, so that an edited image
// takes the place of its older latents.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/data/batch_sampler.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// What the moments of an image depend on beside its contents.
struct LatentVariant {
  ImageSize resized;
  ImageSize bucket;
  std::string interpolation;
  bool flipped = false;
  std::string encoder_digest;
  int latent_scale = 8;
  bool exif_orientation = false;
};

// Digest (hexadecimal) of all that, and of the version of this code.
std::string VariantDigest(const LatentVariant& variant);

// Path of the file. `folder` empty: `.atelier_latents` beside the image;
// otherwise names tell images of equal names in different folders apart.
std::string LatentFilePath(const std::string& image_path,
                           const LatentVariant& variant,
                           const std::string& folder);

// Moments [2C, h, w] that are whole, finite and of the variant's shape.
// `image_sha256` empty: any image's.
//
// Errors: NOT_FOUND where there is no file, or one of another image; DATA_LOSS
// for a damaged one, naming it.
absl::StatusOr<Tensor> ReadLatentFile(const std::string& path,
                                      const LatentVariant& variant,
                                      const std::string& image_sha256);

// Makes the folder on demand; the file appears whole. Errors: as
// WriteSafetensors, naming the file.
absl::Status WriteLatentFile(const std::string& path, const Tensor& moments,
                             const std::string& image_sha256);

}  // namespace atelier::trainer
