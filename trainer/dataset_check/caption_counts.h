// Statistics of the captions of a dataset.
#pragma once

#include <string>
#include <vector>

#include "trainer/data/dataset_index.h"
#include "trainer/dataset_check/report.h"

namespace atelier::trainer {

// A caption as it is trained with prefix and suffix, but nothing random: tags
// in their order, none dropped, of each `{a|b}` the first. With several lines
// (enable_wildcard) one text for each.
std::vector<std::string> TextsOf(const SubsetOptions& subset,
                                 const std::string& caption);

// Of the captions as written, regularization images left out.
CaptionCounts CountCaptions(const DatasetIndex& index);

}  // namespace atelier::trainer
