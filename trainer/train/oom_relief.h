// What a run does without since a device's memory ran out, and what it gives up
// next.
//
//   1  smaller micro-batches: a batch runs in parts, whose losses are weighed
//   so
//      that the gradient is the whole batch's; halved until a part is one
//      sample
//   2  gradient checkpointing
//   3  more blocks swapped, a quarter of those that can be at a time, where the
//      architecture swaps blocks and inputs of blocks are not kept in host
//      memory
//
// An update in the backward pass keeps no gradients, parts of a batch need them
// kept: then the first comes last. None changes weights by more than rounding,
// since every draw depends on the sample and not on its batch. Reliefs stay for
// the rest of the run and are part of its training states.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace atelier::trainer {

struct Training;

struct MemoryRelief {
  int64_t micro_batch = 0;     // most samples that run at once; 0: all
  bool checkpointing = false;  // although the options have it off
  int64_t blocks_to_swap = 0;  // instead of the options'; 0: as they say

  bool any() const {
    return micro_batch > 0 || checkpointing || blocks_to_swap > 0;
  }
};

nlohmann::json ReliefToJson(const MemoryRelief& relief);
// What is missing is as at the start.
MemoryRelief ReliefFromJson(const nlohmann::json& json);

// The relief after the next thing is given up; `samples`: as many ran at once
// when memory ran out. None: there is nothing left.
std::optional<MemoryRelief> NextRelief(const Training& training,
                                       int64_t samples);

// What the step from one to the next gives up, for people.
std::string DescribeRelief(const MemoryRelief& before,
                           const MemoryRelief& after);

// Takes a relief over, together with what the run does without already.
// Weights and optimizer states of blocks that are swapped now go to host
// memory. Between two steps.
// Errors: INVALID_ARGUMENT for more blocks than the model can swap.
absl::Status ApplyRelief(Training& training, const MemoryRelief& relief);

}  // namespace atelier::trainer
