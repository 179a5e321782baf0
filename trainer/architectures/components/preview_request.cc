#include "trainer/architectures/components/preview_request.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "proto/cc/status_macros.h"
#include "trainer/diffusion/noise_schedule.h"

namespace atelier::trainer {
namespace {

constexpr int kLatentScale = 8;
constexpr int kSmallestSide = 64;

absl::Status CheckSide(absl::string_view name, int side, int step) {
  if (side >= kSmallestSide && side % step == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("sample ", name, " is ", side, ", must be a multiple of ",
                   step, " and at least ", kSmallestSide));
}

}  // namespace

absl::Status CheckPreviewRequest(const PreviewRequest& request,
                                 int side_step_px) {
  RETURN_IF_ERROR(CheckSide("width", request.width, side_step_px));
  RETURN_IF_ERROR(CheckSide("height", request.height, side_step_px));
  if (request.steps < 1 || request.steps > kTrainTimesteps) {
    return absl::InvalidArgumentError(
        absl::StrCat("sample steps is ", request.steps,
                     ", must be within 1 to ", kTrainTimesteps));
  }
  return absl::OkStatus();
}

Tensor PreviewNoise(const PreviewRequest& request, int64_t latent_channels,
                    int64_t stream_step) {
  const BatchRng rng = {request.seed, static_cast<uint64_t>(stream_step), 0};
  return rng.Normal(RngPurpose::kPreview,
                    {1, latent_channels, request.height / kLatentScale,
                     request.width / kLatentScale});
}

}  // namespace atelier::trainer
