// The saved form of models of which the transformer alone is saved.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"

namespace atelier::trainer {

// As Architecture::export_files: one file, the denoiser's parameters that
// model.source_dtypes names, under their own names. What the source lacked is
// left out.
std::vector<ExportedFile> ExportTransformer(
    const Model& model, const std::set<std::string>& trained);

}  // namespace atelier::trainer
