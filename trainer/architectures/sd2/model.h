// Stable Diffusion 2.x as the training loop sees it: the functions of its row
// in the registry.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sd2/config.h"

namespace atelier::trainer::sd2 {

// Reads a single file or a Diffusers folder. As Architecture::load.
//
// Errors: INVALID_ARGUMENT for a checkpoint of another kind (saying which), for
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

}  // namespace atelier::trainer::sd2
