// Text options with a grammar of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace atelier {

struct ImageSize {
  int width = 0;
  int height = 0;
};

// `resolution`: `SIZE` or `WIDTH,HEIGHT`, each from 1 to 16384 pixels.
std::optional<ImageSize> ParseImageSize(absl::string_view text);

// `lr_warmup_steps`: a whole number of steps, `N%`, or a number below 1, which
// is a share of the run.
struct WarmupLength {
  bool is_share = false;
  int64_t steps = 0;
  double share = 0;  // from 0 to 1

  bool is_zero() const { return is_share ? share == 0 : steps == 0; }
};
std::optional<WarmupLength> ParseWarmupLength(absl::string_view text);

// `optimizer_args`: `key=value`, the key an identifier.
struct OptimizerArg {
  std::string key;
  std::string value;
};
std::optional<OptimizerArg> ParseOptimizerArg(absl::string_view text);

}  // namespace atelier
