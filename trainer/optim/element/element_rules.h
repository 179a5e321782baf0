// The element functions with one signature, for the loops around them.
#pragma once

#include "trainer/optim/element/element_update.h"

namespace atelier::trainer {

// Each rule: the number of its states, and the update of one element. States
// that a rule does not have are scratch.
struct AdamWRule {
  static constexpr int kStates = 2;
  ATELIER_HOST_DEVICE static void Apply(const ElementUpdate::Factors& factors,
                                        float grad, float& weight, float& first,
                                        float& second) {
    AdamWElement(factors.adamw, grad, weight, first, second);
  }
};

struct LionRule {
  static constexpr int kStates = 1;
  ATELIER_HOST_DEVICE static void Apply(const ElementUpdate::Factors& factors,
                                        float grad, float& weight, float& first,
                                        float& /*second*/) {
    LionElement(factors.lion, grad, weight, first);
  }
};

struct MomentumRule {
  static constexpr int kStates = 1;
  ATELIER_HOST_DEVICE static void Apply(const ElementUpdate::Factors& factors,
                                        float grad, float& weight, float& first,
                                        float& /*second*/) {
    MomentumElement(factors.momentum, grad, weight, first);
  }
};

struct ScheduleFreeRule {
  static constexpr int kStates = 2;
  ATELIER_HOST_DEVICE static void Apply(const ElementUpdate::Factors& factors,
                                        float grad, float& weight, float& first,
                                        float& second) {
    ScheduleFreeElement(factors.schedule_free, grad, weight, first, second);
  }
};

struct ScheduleFreeSgdRule {
  static constexpr int kStates = 1;
  ATELIER_HOST_DEVICE static void Apply(const ElementUpdate::Factors& factors,
                                        float grad, float& weight, float& first,
                                        float& second) {
    ScheduleFreeElement(factors.schedule_free, grad, weight, first, second);
  }
};

struct AssignRule {
  static constexpr int kStates = 0;
  ATELIER_HOST_DEVICE static void Apply(const ElementUpdate::Factors&,
                                        float grad, float& weight,
                                        float& /*first*/, float& /*second*/) {
    weight = grad;
  }
};

// Calls `visitor` with the rule as a value.
template <typename Visitor>
auto VisitRule(UpdateRule rule, Visitor&& visitor) {
  switch (rule) {
    case UpdateRule::kLion:
      return visitor(LionRule());
    case UpdateRule::kMomentum:
      return visitor(MomentumRule());
    case UpdateRule::kScheduleFree:
      return visitor(ScheduleFreeRule());
    case UpdateRule::kScheduleFreeSgd:
      return visitor(ScheduleFreeSgdRule());
    case UpdateRule::kAssign:
      return visitor(AssignRule());
    case UpdateRule::kAdamW:
      break;
  }
  return visitor(AdamWRule());
}

}  // namespace atelier::trainer
