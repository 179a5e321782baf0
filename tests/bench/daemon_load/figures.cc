#include "tests/bench/daemon_load/figures.h"

#include <algorithm>
#include <iostream>

#include "nlohmann/json.hpp"

namespace atelier::bench {

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<size_t>(share * double(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + long(at), values.end());
  return values[at];
}

void Print(const std::string& key, const std::string& what, double value,
           const std::string& unit) {
  const nlohmann::json line = {{"type", "load"},
                               {"key", key},
                               {"what", what},
                               {"value", value},
                               {"unit", unit}};
  std::cout << line.dump() << std::endl;
}

void PrintLatencies(const std::string& key, const std::string& what,
                    const std::vector<double>& seconds) {
  Print(key + "_p50_ms", what + ", median", Quantile(seconds, 0.5) * 1e3, "ms");
  Print(key + "_p99_ms", what + ", p99", Quantile(seconds, 0.99) * 1e3, "ms");
}

}  // namespace atelier::bench
