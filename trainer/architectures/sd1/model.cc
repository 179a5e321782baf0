#include "trainer/architectures/sd1/model.h"

#include <utility>

#include "proto/cc/status_macros.h"
#include "trainer/architectures/ldm_unet/clip_conditioner.h"
#include "trainer/architectures/ldm_unet/export.h"
#include "trainer/architectures/ldm_unet/load_model.h"

namespace atelier::trainer::sd1 {

absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options) {
  ASSIGN_OR_RETURN(LoadedLdm loaded, LoadLdm(sources, options, Family()));
  const std::shared_ptr<ClipTextEncoder> text = loaded.text.front();
  RETURN_IF_ERROR(CheckClipSkip(options.clip_skip, *text));
  const int64_t pad = loaded.tokenizer->end();
  Model model = std::move(loaded.model);
  model.conditioner = std::make_unique<ClipConditioner>(
      std::move(loaded.tokenizer), std::move(loaded.tokenizer_files), text, pad,
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

}  // namespace atelier::trainer::sd1
