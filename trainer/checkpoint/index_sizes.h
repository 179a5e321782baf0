// Sizes of a model, read off the names and shapes of its tensors.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

// Dimension `dim` of a tensor; `fallback` where the tensor or the dimension is
// missing, so that a module can still be laid out and its loading can name
// everything that is missing.
inline int64_t SizeAt(const TensorIndex& index, const std::string& name,
                      size_t dim, int64_t fallback) {
  const auto found = index.find(name);
  if (found == index.end() || found->second.shape.size() <= dim) {
    return fallback;
  }
  return found->second.shape[dim];
}

// How many of `begin` + 0 + `end`, `begin` + 1 + `end`, … exist without a gap.
inline int64_t CountNumbered(const TensorIndex& index, const std::string& begin,
                             const std::string& end) {
  int64_t count = 0;
  while (index.contains(begin + std::to_string(count) + end)) ++count;
  return count;
}

// Whether any name begins with this.
inline bool HasPrefix(const TensorIndex& index, const std::string& prefix) {
  const auto first = index.lower_bound(prefix);
  return first != index.end() && first->first.starts_with(prefix);
}

}  // namespace atelier::trainer
