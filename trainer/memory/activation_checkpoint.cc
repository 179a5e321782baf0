#include "trainer/memory/activation_checkpoint.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "trainer/memory/autocast_state.h"

namespace atelier::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Has a block's weights on the device while it lives.
class WeightsOnDevice {
 public:
  WeightsOnDevice(BlockWeights* weights, bool backward)
      : weights_(weights), backward_(backward) {
    if (weights_ != nullptr) weights_->Bring(backward_);
  }
  ~WeightsOnDevice() {
    if (weights_ != nullptr) weights_->Release(backward_);
  }
  WeightsOnDevice(const WeightsOnDevice&) = delete;
  WeightsOnDevice& operator=(const WeightsOnDevice&) = delete;

 private:
  BlockWeights* weights_;
  bool backward_;
};

variable_list TrainedParameters(const torch::nn::Module& module) {
  variable_list trained;
  for (const Tensor& parameter : module.parameters()) {
    if (parameter.requires_grad()) trained.push_back(parameter);
  }
  return trained;
}

// What the backward pass needs to run a block again.
struct SavedBlock : torch::CustomClassHolder {
  const torch::nn::Module* module = nullptr;
  CheckpointedBlock block;
  BlockPlaces places;
  AutocastState autocast;
  std::shared_ptr<ActivationStore::Kept> kept;  // null: autograd has the inputs
  std::vector<bool> inputs_require_grad;
  size_t parameters = 0;  // autograd's inputs after the block's own

  Tensor Run(const variable_list& inputs) const {
    const AutocastGuard guard(autocast);
    return block(inputs);
  }

  // The inputs as leaves.
  variable_list Leaves(AutogradContext* context) const {
    variable_list leaves = kept != nullptr ? places.inputs->Restore(*kept)
                                           : context->get_saved_variables();
    for (size_t i = 0; i < leaves.size(); ++i) {
      leaves[i] = leaves[i].detach().requires_grad_(inputs_require_grad[i]);
    }
    return leaves;
  }
};

// Parameters are inputs of the node only for their gradients to be asked for;
// one whose weights come and go is represented by an empty tensor, since
// autograd wants a gradient where it saw the parameter.
class RecomputedBlock : public torch::autograd::Function<RecomputedBlock> {
 public:
  static Tensor forward(AutogradContext* context,
                        c10::intrusive_ptr<SavedBlock> saved,
                        at::TensorList inputs, at::TensorList parameters) {
    for (const Tensor& input : inputs) {
      saved->inputs_require_grad.push_back(input.requires_grad());
    }
    saved->parameters = parameters.size();
    if (saved->places.inputs != nullptr) {
      saved->kept = saved->places.inputs->Keep(inputs.vec());
    } else {
      context->save_for_backward(inputs.vec());
    }
    context->saved_data["block"] =
        c10::IValue::make_capsule(c10::intrusive_ptr<SavedBlock>(saved));
    const WeightsOnDevice weights(saved->places.weights, /*backward=*/false);
    return saved->Run(inputs.vec());
  }

  static variable_list backward(AutogradContext* context,
                                const variable_list& gradients) {
    const auto capsule = context->saved_data["block"].toCapsule();
    const auto& saved = static_cast<const SavedBlock&>(*capsule);
    const variable_list inputs = saved.Leaves(context);
    const WeightsOnDevice weights(saved.places.weights, /*backward=*/true);
    variable_list wanted;
    for (const Tensor& input : inputs) {
      if (input.requires_grad()) wanted.push_back(input);
    }
    const size_t wanted_inputs = wanted.size();
    for (const Tensor& parameter : TrainedParameters(*saved.module)) {
      wanted.push_back(parameter);
    }
    const variable_list found =
        Differentiate(saved, inputs, wanted, gradients[0]);
    const auto of_parameters =
        found.begin() + static_cast<std::ptrdiff_t>(wanted_inputs);
    if (saved.places.weights != nullptr) {
      saved.places.weights->TakeGradients({of_parameters, found.end()});
    }
    return Spread(saved, found, of_parameters);
  }

 private:
  static variable_list Differentiate(const SavedBlock& saved,
                                     const variable_list& inputs,
                                     const variable_list& wanted,
                                     const Tensor& gradient) {
    Tensor output;
    {
      const torch::AutoGradMode record(true);
      output = saved.Run(inputs);
    }
    if (wanted.empty()) return {};
    return torch::autograd::grad({output}, wanted, {gradient},
                                 /*retain_graph=*/std::nullopt,
                                 /*create_graph=*/false,
                                 /*allow_unused=*/true);
  }

  // One gradient, maybe undefined, for every argument of forward().
  static variable_list Spread(const SavedBlock& saved,
                              const variable_list& found,
                              variable_list::const_iterator of_parameters) {
    variable_list result(1);  // of `saved`
    auto of_inputs = found.begin();
    for (const bool required : saved.inputs_require_grad) {
      result.push_back(required ? *of_inputs++ : Tensor());
    }
    if (saved.places.weights == nullptr) {
      result.insert(result.end(), of_parameters, found.end());
    }
    result.resize(1 + saved.inputs_require_grad.size() + saved.parameters);
    return result;
  }
};

bool AnyRequiresGrad(const variable_list& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const Tensor& tensor) {
    return tensor.requires_grad();
  });
}

}  // namespace

Tensor RunBlock(bool recompute, const torch::nn::Module& module,
                const CheckpointedBlock& block,
                const std::vector<Tensor>& inputs) {
  if (recompute) return RunBlockAt({}, module, block, inputs);
  if (!torch::GradMode::is_enabled()) return block(inputs);
  variable_list views;
  for (const Tensor& input : inputs) {
    views.push_back(input.requires_grad() ? input.view_as(input) : input);
  }
  return block(views);
}

Tensor RunBlockAt(const BlockPlaces& places, const torch::nn::Module& module,
                  const CheckpointedBlock& block,
                  const std::vector<Tensor>& inputs) {
  variable_list parameters = TrainedParameters(module);
  if (!torch::GradMode::is_enabled() ||
      (parameters.empty() && !AnyRequiresGrad(inputs))) {
    if (places.weights == nullptr) return block(inputs);
    const WeightsOnDevice weights(places.weights, /*backward=*/false);
    const AutocastGuard guard(AutocastState::Current());
    return block(inputs);
  }
  auto saved = c10::make_intrusive<SavedBlock>();
  saved->module = &module;
  saved->block = block;
  saved->places = places;
  saved->autocast = AutocastState::Current();
  if (places.weights != nullptr) {
    parameters = {torch::empty({0}).requires_grad_()};
  }
  return RecomputedBlock::apply(saved, at::TensorList(inputs),
                                at::TensorList(parameters));
}

}  // namespace atelier::trainer
