// Outputs of frozen text encoders for captions met before, on the CPU, where an
// encoder takes a good part of a step and memory is plenty.
//
// Each caption is encoded alone, so that its outputs, to the last bit, do not
// depend on the captions beside it: a resumed run, which has forgotten them,
// goes on with the same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

class RememberedTexts {
 public:
  // Gives the outputs for one caption; each defined tensor is [1, ...].
  using EncodeCaption =
      std::function<std::vector<Tensor>(const std::string& caption)>;

  // Forgets everything where what it holds would exceed `most_bytes`.
  explicit RememberedTexts(int64_t most_bytes = int64_t{512} << 20)
      : most_bytes_(most_bytes) {}

  // The outputs for these captions, row b of each tensor that of caption b.
  std::vector<Tensor> Rows(absl::Span<const std::string> captions,
                           const EncodeCaption& encode);

 private:
  const std::vector<Tensor>& Row(const std::string& caption,
                                 const EncodeCaption& encode);

  int64_t most_bytes_;
  int64_t bytes_ = 0;
  std::map<std::string, std::vector<Tensor>> rows_;
};

}  // namespace atelier::trainer
