#include "trainer/memory/swap_plan.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kPlaces = 2;  // on the device, for each list

int64_t MostOf(const SwapList& list) {
  if (list.blocks_per_swap == 0) return 0;
  return std::max<int64_t>(0, list.blocks - kPlaces);
}

// Blocks of each list that are swapped; none if a list cannot swap its share.
std::optional<std::vector<int64_t>> Share(int64_t count,
                                          const std::vector<SwapList>& lists) {
  int64_t takers = 0;
  for (const SwapList& list : lists) takers += MostOf(list) > 0 ? 1 : 0;
  std::vector<int64_t> shares;
  for (const SwapList& list : lists) {
    if (MostOf(list) == 0) {
      shares.push_back(0);
      continue;
    }
    const int64_t mine = count / takers--;
    count -= mine;
    shares.push_back(mine * list.blocks_per_swap);
    if (shares.back() > MostOf(list)) return std::nullopt;
  }
  if (count > 0) return std::nullopt;
  return shares;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> PlanSwap(
    int64_t count, const std::vector<SwapList>& lists) {
  auto shares = count < 0 ? std::nullopt : Share(count, lists);
  if (!shares.has_value()) {
    const int64_t largest = MostBlocksToSwap(lists);
    return absl::InvalidArgumentError(absl::StrCat(
        "blocks_to_swap is ", count, "; this model takes ",
        largest == 0 ? "none" : absl::StrCat("0 to ", largest),
        ", since two blocks of each kind need their place on the device"));
  }
  for (int64_t& share : *shares) {
    if (share > 0) share += kPlaces;
  }
  return *std::move(shares);
}

int64_t MostBlocksToSwap(const std::vector<SwapList>& lists) {
  int64_t largest = 0;
  while (Share(largest + 1, lists).has_value()) ++largest;
  return largest;
}

}  // namespace atelier::trainer
