// Captions as the text encoders count them.
#pragma once

#include <vector>

#include "trainer/architectures/caption_length.h"
#include "trainer/data/dataset_index.h"
#include "trainer/dataset_check/report.h"

namespace atelier::trainer {

// One entry for each length. Of a caption with several lines the longest
// counts. Threads: one a core.
std::vector<TokenCounts> CountTokens(const DatasetIndex& index,
                                     const std::vector<CaptionLength>& lengths);

}  // namespace atelier::trainer
