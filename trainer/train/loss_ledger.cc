#include "trainer/train/loss_ledger.h"

#include <algorithm>

namespace atelier::trainer {

void LossLedger::Add(int64_t image, double loss, double ratio) {
  const auto place = static_cast<size_t>(image);
  if (place >= counts_.size()) {
    counts_.resize(place + 1);
    losses_.resize(place + 1);
    ratios_.resize(place + 1);
  }
  ++counts_[place];
  losses_[place] += loss;
  ratios_[place] += ratio;
}

LossLedger::Entry LossLedger::Of(int64_t image) const {
  const auto place = static_cast<size_t>(image);
  if (place >= counts_.size() || counts_[place] == 0) return {};
  const auto count = static_cast<double>(counts_[place]);
  return {counts_[place], losses_[place] / count, ratios_[place] / count};
}

std::vector<int64_t> LossLedger::WorstFirst() const {
  std::vector<int64_t> images;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) images.push_back(static_cast<int64_t>(i));
  }
  std::stable_sort(images.begin(), images.end(), [this](int64_t a, int64_t b) {
    return Of(a).ratio > Of(b).ratio;
  });
  return images;
}

}  // namespace atelier::trainer
