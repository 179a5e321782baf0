// Every optimizer by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/optim/arguments.h"
#include "trainer/optim/optimizer.h"

namespace atelier::trainer {

// What an optimizer makes of learning rates.
struct OptimizerTraits {
  // They are factors on a step size of its own estimate: 1.
  bool estimates_step = false;
  // All groups must have one.
  bool has_one_rate = false;
  // They stay what they are.
  bool is_schedule_free = false;
};

struct OptimizerKind {
  std::string_view name;  // as people type it, in any letter case
  absl::Span<const ArgumentSpec> arguments;  // with their defaults
  std::unique_ptr<Optimizer> (*make)(std::vector<ParameterGroup> groups,
                                     const OptimizerArguments& arguments);
  OptimizerTraits traits = {};
};

absl::Span<const OptimizerKind> AllOptimizers();

// Errors: INVALID_ARGUMENT: an unknown name, with those that exist.
absl::StatusOr<const OptimizerKind*> FindOptimizer(std::string_view name);

// An optimizer for parameters that are on their device already.
//
// Errors: INVALID_ARGUMENT: an unknown name, with those that exist; see
// OptimizerArguments::Parse.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(
    std::string_view name, absl::Span<const std::string> arguments,
    std::vector<ParameterGroup> groups);

}  // namespace atelier::trainer
