#include "trainer/train/validation_history.h"

#include <algorithm>
#include <cmath>

namespace atelier::trainer {
namespace {

bool IsFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

// The lowest row; none of those that are not finite.
const Validated::Row* Lowest(const std::vector<Validated::Row>& rows) {
  const Validated::Row* lowest = nullptr;
  for (const Validated::Row& row : rows) {
    if (!std::isfinite(row.loss)) continue;
    if (lowest == nullptr || row.loss < lowest->loss) lowest = &row;
  }
  return lowest;
}

}  // namespace

bool ValidationHistory::Add(int64_t step,
                            const std::vector<Validated::Row>& rows,
                            double min_delta) {
  last_step = step;
  const Validated::Row& own = rows.front();
  if (IsFinite(own.losses) && IsFinite(own.train_losses)) {
    if (points.size() == kMostPoints) points.erase(points.begin());
    points.push_back({step, own.losses, own.train_losses});
  }
  const Validated::Row* lowest = Lowest(rows);
  ++without_improvement;
  if (lowest == nullptr) return false;
  const bool is_first = best_step == 0;
  if (is_first || lowest->loss < reference_loss - min_delta) {
    reference_loss = lowest->loss;
    without_improvement = 0;
  }
  if (!is_first && lowest->loss >= best_loss) return false;
  best_step = step;
  best_loss = lowest->loss;
  best_weights = lowest->weights;
  return true;
}

}  // namespace atelier::trainer
