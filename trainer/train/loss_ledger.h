// The loss of every image over the run, and how it compares with what is usual
// at the same timesteps. An image whose ratio stays high is hard, odd or
// mislabelled; one whose ratio stays low is known by heart or there twice.
#pragma once

#include <cstdint>
#include <vector>

#include "nlohmann/json.hpp"

namespace atelier::trainer {

class LossLedger {
 public:
  struct Entry {
    int64_t count = 0;
    double loss = 0;   // mean
    double ratio = 0;  // mean
  };

  // `ratio`: the loss divided by what is usual at its timestep.
  void Add(int64_t image, double loss, double ratio);
  // Zero for an image that was not trained yet.
  Entry Of(int64_t image) const;
  // Images that were trained, the highest ratio first.
  std::vector<int64_t> WorstFirst() const;

  NLOHMANN_DEFINE_TYPE_INTRUSIVE(LossLedger, counts_, losses_, ratios_)

 private:
  // By image; the last two are sums.
  std::vector<int64_t> counts_;
  std::vector<double> losses_;
  std::vector<double> ratios_;
};

}  // namespace atelier::trainer
