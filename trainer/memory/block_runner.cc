#include "trainer/memory/block_runner.h"

#include <utility>

#include "proto/cc/status_macros.h"
#include "trainer/memory/block_swap.h"

namespace atelier::trainer {
namespace {

// One block's share of a BlockSwap.
class SwappedWeights : public BlockWeights {
 public:
  SwappedWeights(BlockSwap& swap, int64_t place) : swap_(swap), place_(place) {}

  void Bring(bool backward) override { swap_.Bring(place_, backward); }
  void Release(bool backward) override { swap_.Release(place_, backward); }
  void TakeGradients(const std::vector<Tensor>& gradients) override {
    swap_.TakeGradients(place_, gradients);
  }

 private:
  BlockSwap& swap_;
  int64_t place_;
};

}  // namespace

struct BlockRunner::State {
  std::vector<Blocks> lists;
  std::vector<int64_t> blocks_per_swap;
  Blocks blocks;  // of all lists
  bool recompute = false;
  bool offload = false;
  ActivationStore activations;
  std::unique_ptr<BlockSwap> swap;
  // By block; null: its weights stay on the device.
  std::vector<std::unique_ptr<BlockWeights>> weights;
  int64_t last_run = -1;
};

BlockRunner::BlockRunner(std::vector<Blocks> lists,
                         std::vector<int64_t> blocks_per_swap)
    : state_(std::make_unique<State>()) {
  TORCH_CHECK(blocks_per_swap.empty() || blocks_per_swap.size() == lists.size(),
              "one entry a list");
  state_->lists = std::move(lists);
  state_->blocks_per_swap = std::move(blocks_per_swap);
  state_->blocks_per_swap.resize(state_->lists.size(), 1);
  for (const Blocks& list : state_->lists) {
    for (const auto& block : list) state_->blocks.push_back(block);
  }
  state_->weights.resize(state_->blocks.size());
}

BlockRunner::~BlockRunner() = default;

void BlockRunner::SetGradientCheckpointing(bool recompute, bool offload) {
  state_->recompute = recompute;
  state_->offload = offload;
}

std::vector<SwapList> BlockRunner::SwapLists() const {
  std::vector<SwapList> plan;
  for (size_t i = 0; i < state_->lists.size(); ++i) {
    plan.push_back({std::ssize(state_->lists[i]), state_->blocks_per_swap[i]});
  }
  return plan;
}

int64_t BlockRunner::most_blocks_to_swap() const {
  return MostBlocksToSwap(SwapLists());
}

absl::Status BlockRunner::SwapMoreBlocks(int64_t count, torch::Device device) {
  RETURN_IF_ERROR(PlanSwap(count, SwapLists()).status());
  // Modules keep the memory that their weights lie in; what goes is the places
  // on the device.
  for (auto& weights : state_->weights) weights.reset();
  state_->swap.reset();
  return SetBlocksToSwap(count, device);
}

void BlockRunner::Abandon() {
  if (state_->swap != nullptr) state_->swap->Abandon();
  state_->last_run = -1;
}

double BlockRunner::TakeWaitSeconds() {
  const double of_weights =
      state_->swap == nullptr ? 0 : state_->swap->TakeWaitSeconds();
  return of_weights + state_->activations.TakeWaitSeconds();
}

absl::Status BlockRunner::SetBlocksToSwap(int64_t count, torch::Device device) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> resting,
                   PlanSwap(count, SwapLists()));
  if (count == 0 || device.is_cpu() || state_->swap != nullptr) {
    return absl::OkStatus();
  }
  std::vector<Blocks> swapped;
  std::vector<int64_t> indices;
  int64_t first = 0;
  for (size_t i = 0; i < state_->lists.size(); ++i) {
    const Blocks& list = state_->lists[i];
    swapped.emplace_back(list.end() - resting[i], list.end());
    first += std::ssize(list);
    for (int64_t index = first - resting[i]; index < first; ++index) {
      indices.push_back(index);
    }
  }
  state_->swap = std::make_unique<BlockSwap>(swapped, device);
  for (int64_t place = 0; place < std::ssize(indices); ++place) {
    state_->weights[indices[place]] =
        std::make_unique<SwappedWeights>(*state_->swap, place);
  }
  return absl::OkStatus();
}

bool BlockRunner::IsSwapped(const Tensor& tensor) const {
  return state_->swap != nullptr && state_->swap->Holds(tensor);
}

Tensor BlockRunner::Run(int64_t index, const CheckpointedBlock& block,
                        const std::vector<Tensor>& inputs) {
  State& state = *state_;
  const auto& module = state.blocks.at(static_cast<size_t>(index));
  const bool begins = index <= std::exchange(state.last_run, index);
  if (state.swap != nullptr && (begins || index == 0)) {
    state.swap->BeginForward();
  }
  BlockPlaces places;
  places.weights = state.weights[static_cast<size_t>(index)].get();
  if (state.recompute && state.offload) places.inputs = &state.activations;
  if (places.weights == nullptr && places.inputs == nullptr) {
    return RunBlock(state.recompute, *module, block, inputs);
  }
  return RunBlockAt(places, *module, block, inputs);
}

int64_t BlockRunner::size() const {
  return static_cast<int64_t>(state_->blocks.size());
}

}  // namespace atelier::trainer
