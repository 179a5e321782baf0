// Which blocks live in host memory.
//
// Of a list of N blocks, of which K are to be swapped, the device holds the
// memory of N - K: the first N - K - 2 stay there, and two places serve the
// other K + 2 in turn, one block running while the next one arrives. So every
// swapped block saves its size, and a list swaps N - 2 at most.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace atelier::trainer {

// A list of blocks of like shape.
struct SwapList {
  int64_t blocks = 0;
  // Blocks that count as one in blocks_to_swap; 0: the list is never swapped.
  int64_t blocks_per_swap = 1;
};

// How many of each list's last blocks live in host memory (K + 2, or none).
//
// `count` is shared evenly between the lists that can swap, the rest going to
// the last. FLUX: half to the double blocks, rounded down, and twice the other
// half to the single ones.
//
// Errors: INVALID_ARGUMENT with the largest count that these lists take.
absl::StatusOr<std::vector<int64_t>> PlanSwap(
    int64_t count, const std::vector<SwapList>& lists);

// The largest count that these lists take.
int64_t MostBlocksToSwap(const std::vector<SwapList>& lists);

}  // namespace atelier::trainer
