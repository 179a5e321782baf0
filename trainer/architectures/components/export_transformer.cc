#include "trainer/architectures/components/export_transformer.h"

#include <map>

namespace atelier::trainer {

std::vector<ExportedFile> ExportTransformer(
    const Model& model, const std::set<std::string>& /*trained*/) {
  std::map<std::string, Tensor> tensors;
  for (const auto& parameter : model.denoiser->named_parameters()) {
    tensors[parameter.key()] = parameter.value();
  }
  ExportedFile file;
  for (const auto& [name, dtype] : model.source_dtypes) {
    file.tensors.push_back({name, tensors.at(name), dtype});
  }
  return {file};
}

}  // namespace atelier::trainer
