#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sd1/model.h"

namespace atelier::trainer {
namespace {

constexpr std::string_view kStabilityImplementation =
    "https://github.com/Stability-AI/generative-models";

const Architecture kArchitectures[] = {
    {
        .name = "sd1",
        .detect = sd1::Detect,
        .load = sd1::Load,
        .export_tensors = sd1::ExportTensors,
        .modelspec_architecture = "stable-diffusion-v1",
        .modelspec_implementation = kStabilityImplementation,
        .latent_scale = 8,
        .bucket_step_px = 8,
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
