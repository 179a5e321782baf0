#include "trainer/memory/activation_checkpoint.h"

#include <ATen/autocast_mode.h>

#include <array>

namespace atelier::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::array kAutocastDevices = {at::kCPU, at::kCUDA};

// Autocast's state, and the same without its cache of cast weights: casts made
// while no gradients are recorded must not be found by code that records them.
struct AutocastState {
  std::array<bool, kAutocastDevices.size()> enabled{};
  std::array<at::ScalarType, kAutocastDevices.size()> dtype{};
  bool cache = true;

  static AutocastState Current() {
    AutocastState state;
    for (size_t i = 0; i < kAutocastDevices.size(); ++i) {
      state.enabled[i] = at::autocast::is_autocast_enabled(kAutocastDevices[i]);
      state.dtype[i] = at::autocast::get_autocast_dtype(kAutocastDevices[i]);
    }
    state.cache = at::autocast::is_autocast_cache_enabled();
    return state;
  }

  void Apply() const {
    for (size_t i = 0; i < kAutocastDevices.size(); ++i) {
      at::autocast::set_autocast_enabled(kAutocastDevices[i], enabled[i]);
      at::autocast::set_autocast_dtype(kAutocastDevices[i], dtype[i]);
    }
    at::autocast::set_autocast_cache_enabled(cache);
  }
};

class AutocastGuard {
 public:
  explicit AutocastGuard(AutocastState state)
      : before_(AutocastState::Current()) {
    state.cache = false;
    state.Apply();
  }
  ~AutocastGuard() { before_.Apply(); }
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  AutocastState before_;
};

struct SavedBlock : torch::CustomClassHolder {
  CheckpointedBlock block;
  AutocastState autocast;
  size_t inputs = 0;  // the saved tensors after these are parameters
};

class RecomputedBlock : public torch::autograd::Function<RecomputedBlock> {
 public:
  static Tensor forward(AutogradContext* context,
                        c10::intrusive_ptr<SavedBlock> saved,
                        at::TensorList inputs, at::TensorList parameters) {
    variable_list all = inputs.vec();
    all.insert(all.end(), parameters.begin(), parameters.end());
    context->save_for_backward(all);
    context->saved_data["block"] =
        c10::IValue::make_capsule(c10::intrusive_ptr<SavedBlock>(saved));
    const AutocastGuard guard(saved->autocast);
    return saved->block(inputs.vec());
  }

  static variable_list backward(AutogradContext* context,
                                const variable_list& gradients) {
    const auto capsule = context->saved_data["block"].toCapsule();
    const auto& saved = static_cast<const SavedBlock&>(*capsule);
    variable_list all = context->get_saved_variables();
    variable_list inputs(all.begin(), all.begin() + saved.inputs);
    variable_list wanted;
    for (size_t i = 0; i < all.size(); ++i) {
      if (i < saved.inputs) {
        inputs[i] = all[i].detach().requires_grad_(all[i].requires_grad());
        all[i] = inputs[i];
      }
      if (all[i].requires_grad()) wanted.push_back(all[i]);
    }
    Tensor output;
    {
      const torch::AutoGradMode record(true);
      const AutocastGuard guard(saved.autocast);
      output = saved.block(inputs);
    }
    const variable_list found = torch::autograd::grad(
        {output}, wanted, {gradients[0]}, /*retain_graph=*/std::nullopt,
        /*create_graph=*/false, /*allow_unused=*/true);
    variable_list result(1);  // of `saved`
    size_t next = 0;
    for (const Tensor& tensor : all) {
      result.push_back(tensor.requires_grad() ? found[next++] : Tensor());
    }
    return result;
  }
};

}  // namespace

Tensor RunBlock(bool recompute, const torch::nn::Module& module,
                const CheckpointedBlock& block,
                const std::vector<Tensor>& inputs) {
  if (!torch::GradMode::is_enabled()) return block(inputs);
  if (!recompute) {
    variable_list views;
    for (const Tensor& input : inputs) {
      views.push_back(input.requires_grad() ? input.view_as(input) : input);
    }
    return block(views);
  }
  auto saved = c10::make_intrusive<SavedBlock>();
  saved->block = block;
  saved->autocast = AutocastState::Current();
  saved->inputs = inputs.size();
  const variable_list parameters = module.parameters();
  return RecomputedBlock::apply(saved, at::TensorList(inputs),
                                at::TensorList(parameters));
}

}  // namespace atelier::trainer
