// Classes of torch.optim.lr_scheduler whose learning rate is a function of the
// step: what lr_scheduler_type chooses. lr_scheduler_args are the arguments of
// their constructors.
//
// Source: PyTorch, torch/optim/lr_scheduler.py; past its end OneCycleLR, which
// raises an error there, keeps its last rate.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace atelier::trainer {

// The learning rate that step `step` uses, counted from 0.
using LrOfStep = std::function<double(int64_t step, double base_lr)>;

// `type` may begin with `torch.optim.lr_scheduler.`.
//
// Errors: INVALID_ARGUMENT: another class, with those that exist; arguments
// that the class does not take, or lacks; cycle_momentum of OneCycleLR and
// CyclicLR, which would change the optimizer's betas and must be False.
absl::StatusOr<LrOfStep> MakeTorchLr(const std::string& type,
                                     const std::vector<std::string>& args);

std::vector<std::string> TorchLrTypes();

}  // namespace atelier::trainer
