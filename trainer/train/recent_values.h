// The newest numbers of a series and their median.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "nlohmann/json.hpp"

namespace atelier::trainer {

class RecentValues {
 public:
  RecentValues() = default;
  explicit RecentValues(size_t most) : most_(most) {}

  void Add(double value) {
    if (values_.size() == most_) values_.erase(values_.begin());
    values_.push_back(value);
  }
  size_t size() const { return values_.size(); }
  const std::vector<double>& values() const { return values_; }
  // Of all of them; 0 where there is none.
  double Median() const { return MedianOf(values_); }

  // The upper one of the two in the middle; 0 where there is none.
  static double MedianOf(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle =
        values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }

  NLOHMANN_DEFINE_TYPE_INTRUSIVE(RecentValues, most_, values_)

 private:
  size_t most_ = 64;
  std::vector<double> values_;  // oldest first
};

}  // namespace atelier::trainer
