#include "trainer/data/latent_file.h"

#include <filesystem>
#include <map>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

// Raised whenever decoding, resizing or the file's contents change.
constexpr int kVersion = 2;
constexpr char kFolder[] = ".atelier_latents";
constexpr char kTensor[] = "moments";
constexpr char kImageDigest[] = "image_sha256";
constexpr size_t kNameDigits = 16;

bool HasShape(const Tensor& moments, const LatentVariant& variant) {
  return moments.dim() == 3 && moments.size(0) > 0 &&
         moments.size(0) % 2 == 0 &&
         moments.size(1) == variant.bucket.height / variant.latent_scale &&
         moments.size(2) == variant.bucket.width / variant.latent_scale &&
         moments.scalar_type() == torch::kFloat32;
}

}  // namespace

std::string VariantDigest(const LatentVariant& variant) {
  return Sha256Of(absl::StrCat(
      kVersion, "\n", variant.resized.width, "x", variant.resized.height, "\n",
      variant.bucket.width, "x", variant.bucket.height, "\n",
      variant.interpolation, "\n", variant.flipped, "\n",
      variant.encoder_digest, variant.exif_orientation ? "\nupright" : ""));
}

std::string LatentFilePath(const std::string& image_path,
                           const LatentVariant& variant,
                           const std::string& folder) {
  const fs::path image = image_path;
  std::string identity = VariantDigest(variant);
  if (!folder.empty()) {
    absl::StrAppend(&identity, "\n",
                    fs::absolute(image).parent_path().string());
  }
  const std::string name =
      absl::StrCat(image.filename().string(), ".",
                   Sha256Of(identity).substr(0, kNameDigits), ".safetensors");
  const fs::path place =
      folder.empty() ? image.parent_path() / kFolder : fs::path(folder);
  return (place / name).string();
}

absl::StatusOr<Tensor> ReadLatentFile(const std::string& path,
                                      const LatentVariant& variant,
                                      const std::string& image_sha256) {
  auto file = SafetensorsFile::Open(path);
  if (absl::IsNotFound(file.status())) return file.status();
  if (!file.ok()) return absl::DataLossError(file.status().message());
  const auto& metadata = (*file)->metadata();
  const auto digest = metadata.find(kImageDigest);
  if (!image_sha256.empty() &&
      (digest == metadata.end() || digest->second != image_sha256)) {
    return absl::NotFoundError(
        absl::StrCat(path, ": holds latents of another image"));
  }
  absl::StatusOr<Tensor> stored = (*file)->Read(kTensor);
  if (!stored.ok()) return absl::DataLossError(stored.status().message());
  const Tensor moments = stored->clone();
  if (!HasShape(moments, variant)) {
    return absl::DataLossError(absl::StrCat(
        path, ": holds moments of a shape that does not fit a picture of ",
        variant.bucket.width, "x", variant.bucket.height));
  }
  if (!moments.isfinite().all().item<bool>()) {
    return absl::DataLossError(
        absl::StrCat(path, ": holds values that are not finite"));
  }
  return moments;
}

absl::Status WriteLatentFile(const std::string& path, const Tensor& moments,
                             const std::string& image_sha256) {
  const fs::path folder = fs::path(path).parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(folder.string(),
                     ": folder for latents cannot be made: ", error.message()));
  }
  return WriteSafetensors(path,
                          std::map<std::string, Tensor>{{kTensor, moments}},
                          {{kImageDigest, image_sha256}})
      .status();
}

}  // namespace atelier::trainer
