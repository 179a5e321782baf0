// The memory of a device that each step takes, part by part, for step events
// and for the report of a step that found too little.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"

#include "trainer/job/event.h"
#include "trainer/memory/device_memory.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

class StepMemory {
 public:
  // `training` outlives this. On the CPU nothing is measured.
  explicit StepMemory(const Training& training)
      : training_(training), peaks_(training.device) {}

  void BeginStep();
  // At the step's end, while its gradients are there.
  void Describe(StepDone& done);

  // Why step `step` found no memory, for people: what was asked for, what held
  // how much, what to turn on. RESOURCE_EXHAUSTED, marked kDeviceMemory. Before
  // its gradients are dropped. `what`: LibTorch's sentence; `remark`: what else
  // is to be said; may be empty.
  absl::Status Error(int64_t step, const std::string& what,
                     const std::string& remark) const;
  // `3.1 MiB of weights, …`.
  std::string Parts() const;

 private:
  std::map<std::string, int64_t> MeasureParts() const;
  std::string Remedies() const;

  const Training& training_;
  DevicePeaks peaks_;
  // As they were when a step last had another peak: going through every tensor
  // takes time, and a step with the same peak held the same.
  std::map<std::string, int64_t> parts_;
  int64_t parts_peak_ = -1;
};

// The beginning of LibTorch's sentence, which says how much was asked for and
// how much there is.
std::string ShortenOutOfMemory(const std::string& what);

}  // namespace atelier::trainer
