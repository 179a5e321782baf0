// The saved form of models of which the transformer alone is saved.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"

namespace atelier::trainer {

// As Architecture::export_files: one file, the denoiser's parameters under
// their own names, which model.source_dtypes has all.
std::vector<ExportedFile> ExportTransformer(
    const Model& model, const std::set<std::string>& trained);

}  // namespace atelier::trainer
