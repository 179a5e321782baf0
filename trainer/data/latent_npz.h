// sd-scripts' files of latents beside the images.
//
//   STEM_WWWWxHHHH<suffix>     WWWW, HHHH: size of the image, four digits
//
// Arrays: `latents` [C, h, w] f4, `original_size` [2] i8 (width, height),
// `crop_ltrb` [4] f8, and where asked for `latents_flipped`. With size keys
// `_{h}x{w}` follows each name, in latent cells, so that one file serves
// several resolutions. What is held is one draw of the posterior.
//
// sd-scripts does not say which image or autoencoder a file is of. Those that
// are written here do, in the comment of the archive, which sd-scripts ignores
// and drops when it writes the file again:
//
//   atelier <array> <SHA-256 of the image> <VariantDigest>     a line an array
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/bucket.h"
#include "trainer/data/latent_file.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// What differs between architectures.
struct LatentNpzFormat {
  std::string suffix;           // `_flux.npz`
  std::string other_suffix;     // is read too; empty: none
  bool has_plain_name = false;  // `STEM.npz` goes first where it has latents
  bool has_size_keys = false;
  // The file holds (latents - shift) * scale.
  double shift = 0;
  double scale = 1;
  int64_t channels = 0;  // of latents; 0: any
};

// An image and what its latents must be.
struct LatentNpzImage {
  std::string path;
  ImageSize size;
  CropBox crop;
  LatentVariant variant;  // upright
  bool needs_flipped = false;
  // Turned by its EXIF data, which sd-scripts does not do: only what is proven
  // to be of it fits.
  bool is_turned = false;
  std::string sha256;  // empty: not known
};

struct NpzLatents {
  Tensor latents;  // [C, h, w] fp32, neither shifted nor scaled
  Tensor flipped;  // undefined unless needed
  // The file says that they are of this image and encoder; otherwise they are
  // taken on trust.
  bool is_proven = false;
};

// Where sd-scripts' trainers look for this image's latents, the first first.
std::vector<std::string> LatentNpzPaths(const LatentNpzFormat& format,
                                        const LatentNpzImage& image);

// Latents that fit. Unless `skip_check` is set, the image must not be newer
// than a file that proves nothing, and size and crop must be the image's.
//
// Errors: NOT_FOUND where no file has latents of this size, or where they are
// proven to be others'; DATA_LOSS for a damaged file and FAILED_PRECONDITION
// for one that does not fit, naming it.
absl::StatusOr<NpzLatents> ReadLatentNpz(const LatentNpzFormat& format,
                                         const LatentNpzImage& image,
                                         bool skip_check);

// Adds the latents to the image's file; its other arrays stay, except a mask
// that is older than the image. Without size
// keys latents of another size stay too, and the new ones get size keys, which
// later versions of sd-scripts read.
//
// Errors: as WriteNpz. A damaged file is replaced.
absl::Status WriteLatentNpz(const LatentNpzFormat& format,
                            const LatentNpzImage& image,
                            const NpzLatents& latents);

// Latents as they come back from the file that they are written to.
Tensor ThroughNpz(const LatentNpzFormat& format, const Tensor& latents);

}  // namespace atelier::trainer
