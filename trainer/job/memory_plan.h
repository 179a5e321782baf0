// How much memory a job will need, part by part, and what would lower it.
//
// Bytes on the device are those that tensors hold. What a driver and its
// libraries hold beside them (context, workspaces, gaps between tensors) cannot
// be known before: it is `device_allowance_bytes`, a plain guess, and so is
// `host_allowance_bytes` for the program itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace atelier::trainer {

struct MemoryPlan {
  // Where bytes go while the job trains: `weights`, `gradients`, `optimizer`,
  // `averages`, `activations`, `caches`, `swapped blocks`, …
  struct Part {
    std::string name;
    int64_t device_bytes = 0;
    int64_t host_bytes = 0;
  };
  // The most that is held in a phase of the run: `caching`, `training`,
  // `saving`.
  struct Phase {
    std::string name;
    int64_t device_bytes = 0;
    int64_t host_bytes = 0;
  };
  // What a step holds beside weights, gradients and states, for images of one
  // size in a whole batch.
  struct Bucket {
    int64_t width_px = 0;
    int64_t height_px = 0;
    int64_t batch_size = 0;
    int64_t activation_bytes = 0;
  };
  // An option that would lower the peak, with the peak that it gives.
  struct Suggestion {
    std::string option;  // as it is typed: `gradient_checkpointing = true`
    int64_t device_bytes = 0;
    int64_t host_bytes = 0;
    bool fits = false;
    std::string price;  // what it costs
  };

  std::string architecture;  // in words: `FLUX.1 dev`
  std::string device;        // `cpu`, or what device bytes were planned for
  std::vector<Part> parts;
  std::vector<Phase> phases;
  std::vector<Bucket> buckets;  // the most demanding first
  std::vector<Suggestion> suggestions;
  int64_t device_allowance_bytes = 0;
  int64_t host_allowance_bytes = 0;
  // What there is; 0: not known, and then it is taken to suffice.
  int64_t device_memory_bytes = 0;
  int64_t host_memory_bytes = 0;

  // The highest phase, without and with the allowance.
  int64_t device_tensor_bytes() const { return Most(&Phase::device_bytes); }
  int64_t device_bytes() const {
    const int64_t tensors = device_tensor_bytes();
    return tensors == 0 ? 0 : tensors + device_allowance_bytes;
  }
  int64_t host_bytes() const {
    return Most(&Phase::host_bytes) + host_allowance_bytes;
  }
  bool fits() const {
    return (device_memory_bytes == 0 ||
            device_bytes() <= device_memory_bytes) &&
           (host_memory_bytes == 0 || host_bytes() <= host_memory_bytes);
  }

 private:
  int64_t Most(int64_t Phase::*bytes) const {
    int64_t most = 0;
    for (const Phase& phase : phases) most = std::max(most, phase.*bytes);
    return most;
  }
};

}  // namespace atelier::trainer
