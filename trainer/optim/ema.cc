#include "trainer/optim/ema.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace atelier::trainer {
namespace {

constexpr char kUpdates[] = "updates";

// Those that one launch can update lie together: on one device, in fp32.
bool FitsOneLaunch(const Tensor& average, const Tensor& weight,
                   const Tensor& first) {
  return average.device() == first.device() &&
         weight.device() == first.device() &&
         weight.scalar_type() == torch::kFloat32 &&
         weight.strides() == average.strides();
}

// average <- average + rate (weight - average).
void Approach(std::vector<Tensor>& averages,
              const std::vector<NamedParameter>& weights, double rate) {
  std::vector<Tensor> together;
  std::vector<Tensor> targets;
  for (size_t i = 0; i < averages.size(); ++i) {
    const Tensor weight = weights[i].parameter.detach();
    if (FitsOneLaunch(averages[i], weight, averages.front())) {
      together.push_back(averages[i]);
      targets.push_back(weight);
    } else {
      averages[i].lerp_(weight.to(averages[i].device(), torch::kFloat32), rate);
    }
  }
  if (!together.empty()) torch::_foreach_lerp_(together, targets, rate);
}

}  // namespace

Ema::Ema(const std::vector<ParameterGroup>& groups, const EmaOptions& options)
    : options_(options), averages_(options.decays.size()) {
  const torch::NoGradGuard no_grad;
  for (const ParameterGroup& group : groups) {
    for (const NamedParameter& named : group.parameters) {
      parameters_.push_back(named);
      const torch::Device device =
          options_.offload ? torch::kCPU : named.parameter.device();
      for (std::vector<Tensor>& averages : averages_) {
        averages.push_back(named.parameter.detach().to(device, torch::kFloat32,
                                                       /*non_blocking=*/false,
                                                       /*copy=*/true));
      }
    }
  }
}

std::string Ema::NameOf(size_t decay) const {
  return absl::StrCat("ema", options_.decays[decay].text);
}

double Ema::DecayNow(size_t decay, int64_t step) const {
  if (step <= options_.start_step) return 0;
  const double value = options_.decays[decay].value;
  if (!options_.warmup) return value;
  const auto n = static_cast<double>(updates_);
  return std::min(value, (1 + n) / (10 + n));
}

void Ema::Update(int64_t step) {
  const torch::NoGradGuard no_grad;
  if (step > options_.start_step) ++updates_;
  for (size_t decay = 0; decay < averages_.size(); ++decay) {
    if (averages_[decay].empty()) continue;
    Approach(averages_[decay], parameters_, 1 - DecayNow(decay, step));
  }
}

std::map<std::string, Tensor> Ema::State() const {
  std::map<std::string, Tensor> state;
  state[kUpdates] = torch::tensor(updates_, torch::kInt64);
  for (size_t decay = 0; decay < averages_.size(); ++decay) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      state[absl::StrCat(NameOf(decay), "/", parameters_[i].name)] =
          averages_[decay][i];
    }
  }
  return state;
}

absl::Status Ema::LoadState(const std::map<std::string, Tensor>& state) {
  const torch::NoGradGuard no_grad;
  const auto updates = state.find(kUpdates);
  if (updates == state.end() || updates->second.numel() != 1) {
    return absl::InvalidArgumentError("the number of updates is missing");
  }
  for (size_t decay = 0; decay < averages_.size(); ++decay) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const std::string name =
          absl::StrCat(NameOf(decay), "/", parameters_[i].name);
      const auto found = state.find(name);
      if (found == state.end() ||
          found->second.sizes() != averages_[decay][i].sizes()) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, " is missing or of another shape"));
      }
      averages_[decay][i].copy_(found->second);
    }
  }
  updates_ = updates->second.item<int64_t>();
  return absl::OkStatus();
}

void Ema::Reset() {
  const torch::NoGradGuard no_grad;
  updates_ = 0;
  for (std::vector<Tensor>& averages : averages_) {
    for (size_t i = 0; i < averages.size(); ++i) {
      averages[i].copy_(parameters_[i].parameter.detach());
    }
  }
}

Ema::Use::Use(Ema& ema, size_t decay)
    : ema_(ema), averages_(ema.averages_[decay]), kept_(averages_.size()) {
  Exchange();
  ema_.in_use_ = ema_.NameOf(decay);
}

Ema::Use::~Use() {
  Exchange();
  ema_.in_use_.clear();
}

// In fp32 the two change places; otherwise the average stays where it is, for
// rounding would change it.
void Ema::Use::Exchange() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < averages_.size(); ++i) {
    Tensor weight = ema_.parameters_[i].parameter.detach();
    Tensor& average = averages_[i];
    if (weight.scalar_type() == torch::kFloat32) {
      const Tensor held = weight.clone();
      weight.copy_(average);
      average.copy_(held);
    } else if (kept_[i].defined()) {
      weight.copy_(kept_[i]);
      kept_[i].reset();
    } else {
      kept_[i] = weight.clone();
      weight.copy_(average);
    }
  }
}

}  // namespace atelier::trainer
