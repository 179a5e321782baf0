#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/components/caption_lengths.h"
#include "trainer/architectures/components/export_transformer.h"
#include "trainer/architectures/flux/model.h"
#include "trainer/architectures/lumina2/model.h"
#include "trainer/architectures/sd1/model.h"
#include "trainer/architectures/sd2/model.h"
#include "trainer/architectures/sd3/model.h"
#include "trainer/architectures/sdxl/model.h"

namespace atelier::trainer {
namespace {

constexpr std::string_view kStabilityImplementation =
    "https://github.com/Stability-AI/generative-models";

// sd-scripts' trainers look for `_sdxl.npz` for SD 1.x and 2.x too; its tool
// that only caches writes `_sd.npz`.
constexpr LatentFiles kSdLatents = {
    .suffix = "_sdxl.npz", .other_suffix = "_sd.npz", .has_plain_name = true};
constexpr LatentFiles kSdxlLatents = {.suffix = "_sdxl.npz",
                                      .has_plain_name = true};

const Architecture kArchitectures[] = {
    {
        .name = "sd1",
        .detect = sd1::Detect,
        .load = sd1::Load,
        .export_files = sd1::ExportFiles,
        .export_diffusers = sd1::ExportDiffusers,
        .caption_lengths = ClipCaptionLengths,
        .modelspec_architecture = "stable-diffusion-v1",
        .modelspec_implementation = kStabilityImplementation,
        .latent_scale = 8,
        .bucket_step_px = 8,
        .latent_files = kSdLatents,
    },
    {
        .name = "sd2",
        .detect = sd2::Detect,
        .load = sd2::Load,
        .export_files = sd2::ExportFiles,
        .export_diffusers = sd2::ExportDiffusers,
        .caption_lengths = ClipCaptionLengths,
        .modelspec_architecture = "stable-diffusion-v2-512",
        .modelspec_implementation = kStabilityImplementation,
        .latent_scale = 8,
        .bucket_step_px = 8,
        .latent_files = kSdLatents,
    },
    {
        .name = "sdxl",
        .detect = sdxl::Detect,
        .load = sdxl::Load,
        .export_files = sdxl::ExportFiles,
        .export_diffusers = sdxl::ExportDiffusers,
        .caption_lengths = ClipCaptionLengths,
        .preview = {.width = 1024, .height = 1024},
        .block_of = sdxl::BlockOf,
        .blocks = sdxl::kBlocks,
        .modelspec_architecture = "stable-diffusion-xl-v1-base",
        .modelspec_implementation = kStabilityImplementation,
        .latent_scale = 8,
        .bucket_step_px = 32,
        .latent_files = kSdxlLatents,
    },
    {
        .name = "sd3",
        .detect = sd3::Detect,
        .load = sd3::Load,
        .export_files = sd3::ExportFiles,
        .caption_lengths = sd3::CaptionLengths,
        .denoiser_name = "transformer",
        .preview = {.width = 512, .height = 512, .steps = 30, .cfg_scale = 7.5},
        .modelspec_architecture = "stable-diffusion-3-medium",
        .modelspec_implementation = kStabilityImplementation,
        .latent_scale = 8,
        .bucket_step_px = 8,
        .latent_files = {.suffix = "_sd3.npz", .has_size_keys = true},
    },
    {
        .name = "flux",
        .detect = flux::Detect,
        .load = flux::Load,
        .export_files = ExportTransformer,
        .caption_lengths = flux::CaptionLengths,
        .denoiser_name = "transformer",
        .preview = {.steps = 20, .cfg_scale = 1, .size_multiple = 16},
        .modelspec_architecture = "flux-1-dev",
        .modelspec_implementation = "https://github.com/black-forest-labs/flux",
        .latent_scale = 8,
        .bucket_step_px = 16,
        .latent_files = {.suffix = "_flux.npz",
                         .has_size_keys = true,
                         .is_scaled = true},
    },
    {
        .name = "lumina2",
        .detect = lumina2::Detect,
        .load = lumina2::Load,
        .export_files = ExportTransformer,
        .caption_lengths = lumina2::CaptionLengths,
        .denoiser_name = "transformer",
        .preview = {.width = 1024,
                    .height = 1024,
                    .steps = 36,
                    .cfg_scale = 3.5,
                    .size_multiple = 16},
        .modelspec_architecture = "lumina-2",
        .modelspec_implementation =
            "https://github.com/Alpha-VLLM/Lumina-Image-2.0",
        .latent_scale = 8,
        .bucket_step_px = 16,
        .latent_files = {.suffix = "_lumina.npz",
                         .has_size_keys = true,
                         .is_scaled = true},
    },
};

}  // namespace

absl::Span<const Architecture> AllArchitectures() { return kArchitectures; }

absl::StatusOr<const Architecture*> FindArchitecture(std::string_view name) {
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return &architecture;
  }
  const auto append_name = [](std::string* out, const Architecture& row) {
    absl::StrAppend(out, std::string(row.name));
  };
  return absl::InvalidArgumentError(
      absl::StrCat("architecture is `", std::string(name), "`; this build has ",
                   absl::StrJoin(kArchitectures, ", ", append_name)));
}

}  // namespace atelier::trainer
