#include "trainer/architectures/sdxl/model.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/ldm_unet/export.h"
#include "trainer/architectures/ldm_unet/load_model.h"
#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/architectures/sdxl/conditioner.h"

namespace atelier::trainer::sdxl {
namespace {

constexpr int64_t kSizeFeatures = 6 * 256;  // of the label vector

// Nothing that is learnt reaches them.
void FreezeBehindThePenultimate(ClipTextEncoder& clip_l) {
  const std::string last = absl::StrCat("text_model.encoder.layers.",
                                        clip_l.config().layers - 1, ".");
  for (auto& parameter : clip_l.named_parameters()) {
    if (parameter.key().starts_with(last) ||
        parameter.key().starts_with("text_model.final_layer_norm.")) {
      parameter.value().set_requires_grad(false);
    }
  }
}

absl::Status CheckWidths(const ClipPair& text, const LdmUnetConfig& unet,
                         const std::string& path) {
  const int64_t width =
      text.clip_l->config().width + text.clip_g->config().width;
  const int64_t label = text.clip_g->pooled_width() + kSizeFeatures;
  if (width == unet.context_channels && label == unet.label_channels) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": the text encoders are ", width, " wide together and give ",
      label, " values with the sizes; the U-Net takes ", unet.context_channels,
      " and ", unet.label_channels));
}

}  // namespace

absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options) {
  const std::string& path = sources.main->path();
  if (IsRefiner(sources.main->index())) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " is the refiner of Stable Diffusion XL, which cannot be "
                     "trained here; give the base model"));
  }
  ASSIGN_OR_RETURN(LoadedLdm loaded, LoadLdm(sources, options, Family()));
  const ClipPair text = {loaded.text[0], loaded.text[1]};
  RETURN_IF_ERROR(CheckWidths(
      text, static_cast<const LdmUnet&>(*loaded.model.denoiser).config(),
      path));
  FreezeBehindThePenultimate(*text.clip_l);
  Model model = std::move(loaded.model);
  if (options.clip_skip > 0) {
    model.warnings.push_back(
        "clip_skip has no effect on Stable Diffusion XL, which is always "
        "conditioned on the output of the last layer but one");
  }
  model.conditioner = std::make_unique<SdxlConditioner>(
      std::move(loaded.tokenizer), std::move(loaded.tokenizer_files), text,
      options);
  return model;
}

std::vector<ExportedFile> ExportFiles(
    const Model& model, const std::set<std::string>& /*trained*/) {
  return ExportLdmFiles(model, Family());
}

DiffusersExport ExportDiffusers(const Model& model) {
  return ExportLdmDiffusers(model, Family());
}

}  // namespace atelier::trainer::sdxl
