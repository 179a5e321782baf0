// Jobs by state and reason, counted in the database at every scrape.
#pragma once

#include <atomic>
#include <vector>

#include "prometheus/collectable.h"

#include "server/jobs/job_store.h"

namespace atelier::server {

class JobCounts : public prometheus::Collectable {
 public:
  // `store` outlives every scrape.
  explicit JobCounts(const JobStore& store) : store_(store) {}

  // Blocks: one read of the store.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const JobStore& store_;
  mutable std::atomic<int64_t> errors_{0};
};

}  // namespace atelier::server
