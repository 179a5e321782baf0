// How many images a dataset has, and how they fall into buckets and batches.
#pragma once

#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/dataset_check/report.h"

namespace atelier::trainer {

// Fills the counts of subsets, buckets and regularization images; `layout` is
// MakeBuckets(index).
void CountImages(const DatasetIndex& index, const BucketLayout& layout,
                 DatasetReport* report);

}  // namespace atelier::trainer
