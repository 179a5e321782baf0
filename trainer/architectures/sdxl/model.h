// Stable Diffusion XL as the training loop sees it: the functions of its row
// in the registry.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sdxl/config.h"

namespace atelier::trainer::sdxl {

// Reads a single file or a Diffusers folder. As Architecture::load.
//
// The context is read before CLIP-L's last layer, so that layer and the final
// norm behind it are never trained. clip_skip has no effect; a warning says so.
//
// Errors: INVALID_ARGUMENT for a checkpoint of another kind (saying which;
// the refiner is one), for
// names and shapes that do not fit (naming them) and for options that the model
// cannot follow; NOT_FOUND for parts that are missing and without tokenizer
// files; DATA_LOSS for weights that are not finite.
absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options);

// As Architecture::export_files: one file.
std::vector<ExportedFile> ExportFiles(const Model& model,
                                      const std::set<std::string>& trained);

// As Architecture::export_diffusers.
DiffusersExport ExportDiffusers(const Model& model);

}  // namespace atelier::trainer::sdxl
