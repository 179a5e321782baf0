#include "trainer/optim/grouped_optimizer.h"

#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace atelier::trainer {
namespace {

constexpr char kStep[] = "step";
constexpr char kShared[] = "optimizer";

std::string DescribeTensor(const Tensor& tensor) {
  std::ostringstream text;
  text << tensor.scalar_type() << " " << tensor.sizes();
  return text.str();
}

}  // namespace

Tensor GroupedOptimizer::Update::ScaledGrad() const {
  return grad.to(torch::kFloat32) * grad_scale;
}

GroupedOptimizer::GroupedOptimizer(std::vector<ParameterGroup> groups,
                                   const CudaApi* kernels)
    : groups_(std::move(groups)), runner_(groups_, kernels) {}

void GroupedOptimizer::MakeState() {
  torch::NoGradGuard no_grad;
  shared_ = MakeSharedSlots();
  for (const ParameterGroup& group : groups_) {
    for (const NamedParameter& named : group.parameters) {
      Slots slots = MakeSlots(named.parameter.detach());
      slots[kStep] = torch::zeros({}, torch::kInt64);
      slots_[named.name] = std::move(slots);
    }
  }
}

std::vector<GroupedOptimizer::Update> GroupedOptimizer::CollectUpdates(
    double grad_scale) {
  std::vector<Update> updates;
  for (const ParameterGroup& group : groups_) {
    if (frozen_.count(group.name) > 0) continue;
    for (const NamedParameter& named : group.parameters) {
      if (!named.parameter.grad().defined()) continue;
      updates.push_back(MakeUpdate(group, named, grad_scale));
    }
  }
  return updates;
}

GroupedOptimizer::Update GroupedOptimizer::MakeUpdate(
    const ParameterGroup& group, const NamedParameter& named,
    double grad_scale) {
  Slots& slots = slots_.at(named.name);
  const int64_t step = slots.at(kStep).item<int64_t>() + 1;
  return {named.name,
          named.parameter.detach(),
          named.parameter.grad().detach(),
          slots,
          group.lr,
          grad_scale,
          step,
          RoundingKey(named.name, step)};
}

// FNV-1a over the name, then the seed and the step.
uint64_t GroupedOptimizer::RoundingKey(const std::string& name,
                                       int64_t step) const {
  constexpr uint64_t kPrime = 0x100000001B3ull;
  uint64_t key = 0xCBF29CE484222325ull;
  for (const char character : name) {
    key = (key ^ static_cast<unsigned char>(character)) * kPrime;
  }
  key = (key ^ rounding_seed_) * 0x9E3779B97F4A7C15ull;
  key =
      (key ^ (key >> 32) ^ static_cast<uint64_t>(step)) * 0xD6E8FEB86659FD93ull;
  return key ^ (key >> 32);
}

void GroupedOptimizer::ForEachState(
    const std::function<void(const NamedParameter&, Slots&)>& visit) {
  for (const ParameterGroup& group : groups_) {
    if (frozen_.count(group.name) > 0) continue;
    for (const NamedParameter& named : group.parameters) {
      visit(named, slots_.at(named.name));
    }
  }
}

void GroupedOptimizer::StoreWeight(const Tensor& parameter, const Tensor& value,
                                   uint64_t rounding_key) const {
  if (parameter.scalar_type() == torch::kFloat32) {
    Tensor(parameter).copy_(value);
    return;
  }
  ElementItem item;
  item.weight = parameter;
  item.grad = value;
  item.rule = UpdateRule::kAssign;
  item.rounding_key = rounding_key;
  runner_.Run({item});
}

void GroupedOptimizer::StepParameter(size_t group, size_t index,
                                     double grad_scale) {
  torch::NoGradGuard no_grad;
  const ParameterGroup& owner = groups_[group];
  if (frozen_.count(owner.name) > 0) return;
  std::vector<Update> updates;
  updates.push_back(MakeUpdate(owner, owner.parameters[index], grad_scale));
  UpdateAll(updates);
  updates[0].slots.at(kStep).fill_(updates[0].step);
}

void GroupedOptimizer::FinishStep() {
  torch::NoGradGuard no_grad;
  FinishUpdates();
}

void GroupedOptimizer::Step(double grad_scale) {
  torch::NoGradGuard no_grad;
  std::vector<Update> updates = CollectUpdates(grad_scale);
  UpdateAll(updates);
  for (const Update& update : updates) {
    update.slots.at(kStep).fill_(update.step);
  }
  FinishUpdates();
}

void GroupedOptimizer::UpdateAll(std::vector<Update>& updates) {
  for (Update& update : updates) UpdateOne(update);
}

void GroupedOptimizer::Freeze(const std::string& group) {
  frozen_.insert(group);
  for (ParameterGroup& candidate : groups_) {
    if (candidate.name != group) continue;
    for (NamedParameter& named : candidate.parameters) {
      slots_.erase(named.name);
      named.parameter.mutable_grad().reset();
    }
  }
}

void GroupedOptimizer::FollowWeights() {
  ForEachState([](const NamedParameter& named, Slots& slots) {
    for (auto& [what, tensor] : slots) {
      if (what != kStep) tensor = tensor.to(named.parameter.device());
    }
  });
}

std::map<std::string, Tensor> GroupedOptimizer::State() const {
  std::map<std::string, Tensor> state;
  for (const auto& [what, tensor] : shared_) {
    state[absl::StrCat(kShared, ".", what)] = tensor;
  }
  for (const auto& [name, slots] : slots_) {
    for (const auto& [what, tensor] : slots) {
      state[absl::StrCat(name, ".", what)] = tensor;
    }
  }
  return state;
}

absl::Status GroupedOptimizer::LoadState(
    const std::map<std::string, Tensor>& state) {
  const std::map<std::string, Tensor> mine = State();
  std::vector<std::string> faults;
  for (const auto& [name, tensor] : mine) {
    const auto found = state.find(name);
    if (found == state.end()) {
      faults.push_back(absl::StrCat("missing ", name));
    } else if (found->second.sizes() != tensor.sizes() ||
               found->second.scalar_type() != tensor.scalar_type()) {
      faults.push_back(absl::StrCat(name, " is ", DescribeTensor(found->second),
                                    ", expected ", DescribeTensor(tensor)));
    }
  }
  for (const auto& [name, tensor] : state) {
    if (mine.count(name) == 0) {
      faults.push_back(absl::StrCat("unexpected ", name));
    }
  }
  if (!faults.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "optimizer state does not fit: ", absl::StrJoin(faults, "; ")));
  }
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : mine) tensor.copy_(state.at(name));
  return absl::OkStatus();
}

}  // namespace atelier::trainer
