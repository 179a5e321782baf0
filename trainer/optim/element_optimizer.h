// An optimizer whose update is one element function (element/): what differs
// is its states and its factors.
//
// States have the numbers of their weight, but fp32 beside fp16 weights, whose
// range is too small for squares of gradients. In 8 bits they are uint8 codes
// in the weight's order in memory, with `<state>.absmax` [blocks]; those of
// tensors below 4096 elements stay fp32.
#pragma once

#include <string>
#include <vector>

#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

class ElementOptimizer : public GroupedOptimizer {
 public:
  // Bytes of a state's numbers.
  enum class StateBits { kAsWeight, k8 };

 protected:
  // `states`: their names. See ElementRunner about `kernels`.
  ElementOptimizer(std::vector<ParameterGroup> groups, UpdateRule rule,
                   std::vector<std::string> states,
                   StateBits bits = StateBits::kAsWeight,
                   const CudaApi* kernels = nullptr);

  // Without the gradients' scale.
  virtual ElementUpdate::Factors FactorsOf(Update& update) const = 0;

  Slots MakeSlots(const Tensor& parameter) const override;
  void UpdateAll(std::vector<Update>& updates) override;
  void UpdateOne(Update& update) override;

 private:
  ElementItem ItemOf(Update& update) const;

  UpdateRule rule_;
  std::vector<std::string> states_;
  StateBits bits_;
};

}  // namespace atelier::trainer
