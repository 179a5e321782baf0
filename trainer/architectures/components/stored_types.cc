#include "trainer/architectures/components/stored_types.h"

#include <vector>

#include "proto/cc/status_macros.h"

namespace atelier::trainer {

torch::ScalarType KeptType(torch::ScalarType stored) {
  return c10::isFloat8Type(stored) ? torch::kBFloat16 : stored;
}

absl::StatusOr<std::map<std::string, torch::ScalarType>> StoredTypes(
    const CheckpointSource& source, const StateLoadOptions& options,
    const StateLoadResult& state) {
  std::map<std::string, torch::ScalarType> types;
  std::vector<std::string> names;
  for (const std::string& name : state.loaded) {
    names.push_back(name.substr(options.prefix.size()));
  }
  const auto type_of = [&](const std::string& name) {
    return KeptType(source.index().at(options.prefix + name).dtype);
  };
  if (options.keys == nullptr) {
    for (const std::string& name : names) types[name] = type_of(name);
    return types;
  }
  ASSIGN_OR_RETURN(const KeyMap::Plan plan,
                   options.keys->MakePlan(names, options.direction));
  for (const auto& [name, pieces] : plan.targets) {
    types[name] = type_of(pieces.front().source);
  }
  return types;
}

}  // namespace atelier::trainer
