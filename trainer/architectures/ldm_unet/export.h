// Models of Stable Diffusion 1, 2 and XL as files.
#pragma once

#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/ldm_unet/family.h"

namespace atelier::trainer {

// `model` was made by LoadLdm for this family; its conditioner is an
// LdmConditioner, its recipe a DdpmRecipe.

// As Architecture::export_files: the single file. Text encoders in OpenCLIP's
// names are put together from copies where the layouts join tensors.
std::vector<ExportedFile> ExportLdmFiles(const Model& model,
                                         const LdmFamily& family);

// As Architecture::export_diffusers. Untouched tensors have no place in it.
DiffusersExport ExportLdmDiffusers(const Model& model, const LdmFamily& family);

}  // namespace atelier::trainer
