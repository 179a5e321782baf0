// The fixture's Stable Diffusion 1.x model, in each form that it is stored in.
#pragma once

#include <memory>
#include <string>

#include "tests/support/oracle.h"
#include "trainer/architectures/architecture.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::testing {

inline ModelOptions Sd1Options() {
  ModelOptions options;
  options.tokenizer_dir = OraclePath("sd1/diffusers");
  return options;
}

inline absl::StatusOr<Model> LoadSd1(const std::string& name,
                                     const ModelOptions& options) {
  auto architecture = FindArchitecture("sd1");
  if (!architecture.ok()) return architecture.status();
  auto source = OpenCheckpoint(OraclePath(name));
  if (!source.ok()) return source.status();
  ModelSources sources;
  sources.main = source->get();
  return (*architecture)->load(sources, options);
}

inline Model TrainableSd1(const ModelOptions& options = Sd1Options()) {
  return LoadSd1("sd1/sd1.safetensors", options).value();
}

}  // namespace atelier::trainer::testing
