#include "trainer/optim/element_optimizer.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "trainer/optim/element/block_quantisation.h"

namespace atelier::trainer {
namespace {

torch::ScalarType StateTypeOf(const Tensor& parameter) {
  return parameter.scalar_type() == torch::kHalf ? torch::kFloat32
                                                 : parameter.scalar_type();
}

std::string AbsmaxName(const std::string& state) {
  return absl::StrCat(state, ".absmax");
}

}  // namespace

ElementOptimizer::ElementOptimizer(std::vector<ParameterGroup> groups,
                                   UpdateRule rule,
                                   std::vector<std::string> states,
                                   StateBits bits, const CudaApi* kernels)
    : GroupedOptimizer(std::move(groups), kernels),
      rule_(rule),
      states_(std::move(states)),
      bits_(bits) {}

GroupedOptimizer::Slots ElementOptimizer::MakeSlots(
    const Tensor& parameter) const {
  const int64_t elements = parameter.numel();
  const bool in_blocks =
      bits_ == StateBits::k8 && elements >= kSmallestQuantised;
  torch::ScalarType type = StateTypeOf(parameter);
  if (bits_ == StateBits::k8) {
    type = in_blocks ? torch::kUInt8 : torch::kFloat32;
  }
  Slots slots;
  for (const std::string& state : states_) {
    slots[state] = torch::zeros_like(parameter, type);
    if (!in_blocks) continue;
    const int64_t blocks =
        (elements + kQuantisationBlock - 1) / kQuantisationBlock;
    slots[AbsmaxName(state)] =
        torch::zeros({blocks}, parameter.options().dtype(torch::kFloat32));
  }
  return slots;
}

ElementItem ElementOptimizer::ItemOf(Update& update) const {
  ElementItem item;
  item.weight = update.parameter;
  item.grad = update.grad;
  item.rule = rule_;
  item.factors = FactorsOf(update);
  // The first member of every rule's factors.
  item.factors.adamw.grad_scale = static_cast<float>(update.grad_scale);
  item.rounding_key = update.rounding_key;
  for (size_t i = 0; i < states_.size(); ++i) {
    item.state[i] = update.slots.at(states_[i]);
    const auto absmax = update.slots.find(AbsmaxName(states_[i]));
    if (absmax != update.slots.end()) item.absmax[i] = absmax->second;
  }
  return item;
}

void ElementOptimizer::UpdateAll(std::vector<Update>& updates) {
  std::vector<ElementItem> items;
  for (Update& update : updates) items.push_back(ItemOf(update));
  runner().Run(items);
}

void ElementOptimizer::UpdateOne(Update& update) {
  runner().Run({ItemOf(update)});
}

}  // namespace atelier::trainer
