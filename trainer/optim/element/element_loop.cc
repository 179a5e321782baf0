// Numbers that are not fp32 in memory pass through fp32 buffers of one block,
// which stay in the first cache.
#include "trainer/optim/element/element_loop.h"

#include <algorithm>
#include <cmath>

#include "trainer/optim/element/block_quantisation.h"
#include "trainer/optim/element/element_rules.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kTile = kQuantisationBlock;

// The code of every point, for both maps: a look-up takes the place of a
// search.
struct CodeTable {
  explicit CodeTable(bool has_sign) : map(MakeQuantisationMap(has_sign)) {
    for (int point = 0; point < kQuantisationPoints; ++point) {
      codes[point] = NearestCode(map.values, point);
    }
  }
  QuantisationMap map;
  uint8_t codes[kQuantisationPoints];
};

const CodeTable& TableOf(int state) {
  static const CodeTable kSigned(true);
  static const CodeTable kUnsigned(false);
  return state == 0 ? kSigned : kUnsigned;
}

// Where a run of numbers lies.
struct Run {
  NumberFormat format;
  int64_t first;
  int64_t count;
};

const float* Read(const void* memory, const Run& run, float* buffer) {
  if (run.format == NumberFormat::kFloat32) {
    return static_cast<const float*>(memory) + run.first;
  }
  const uint16_t* halves = static_cast<const uint16_t*>(memory) + run.first;
  if (run.format == NumberFormat::kBfloat16) {
    for (int64_t i = 0; i < run.count; ++i) buffer[i] = FromBfloat16(halves[i]);
  } else {
    for (int64_t i = 0; i < run.count; ++i) buffer[i] = FromFloat16(halves[i]);
  }
  return buffer;
}

// For numbers that change: in place where they are fp32.
float* Open(void* memory, const Run& run, float* buffer) {
  return const_cast<float*>(Read(memory, run, buffer));
}

void Close(void* memory, const Run& run, const float* buffer, uint64_t key) {
  if (run.format == NumberFormat::kFloat32) return;
  uint16_t* halves = static_cast<uint16_t*>(memory) + run.first;
  if (run.format == NumberFormat::kBfloat16) {
    const auto place = static_cast<uint32_t>(run.first);
    for (int64_t i = 0; i < run.count; ++i) {
      halves[i] = ToBfloat16(buffer[i],
                             RandomBits(key, place + static_cast<uint32_t>(i)));
    }
  } else {
    for (int64_t i = 0; i < run.count; ++i) halves[i] = ToFloat16(buffer[i]);
  }
}

float* OpenBlock(const ElementUpdate& update, int state, const Run& run,
                 float* buffer) {
  const float* map = TableOf(state).map.values;
  const float absmax = update.absmax[state][run.first / kTile];
  const uint8_t* codes =
      static_cast<const uint8_t*>(update.state[state]) + run.first;
  for (int64_t i = 0; i < run.count; ++i) buffer[i] = map[codes[i]] * absmax;
  return buffer;
}

void CloseBlock(const ElementUpdate& update, int state, const Run& run,
                const float* buffer) {
  float absmax = 0;
  for (int64_t i = 0; i < run.count; ++i) {
    absmax = std::max(absmax, std::fabs(buffer[i]));
  }
  update.absmax[state][run.first / kTile] = absmax;
  const float divisor = absmax > 0 ? absmax : 1.0f;
  int points[kTile];
  for (int64_t i = 0; i < run.count; ++i) {
    points[i] = NearestPoint(buffer[i] / divisor);
  }
  const uint8_t* table = TableOf(state).codes;
  uint8_t* codes = static_cast<uint8_t*>(update.state[state]) + run.first;
  for (int64_t i = 0; i < run.count; ++i) codes[i] = table[points[i]];
}

template <typename Rule>
void RunPlain(const ElementUpdate::Factors& shared, int64_t count,
              const float* __restrict grad, float* __restrict weight,
              float* __restrict first, float* __restrict second) {
  const ElementUpdate::Factors factors = shared;
  for (int64_t i = 0; i < count; ++i) {
    float scratch = 0;
    Rule::Apply(factors, grad[i], weight[i],
                Rule::kStates > 0 ? first[i] : scratch,
                Rule::kStates > 1 ? second[i] : scratch);
  }
}

template <typename Rule>
void RunTile(const ElementUpdate& update, int64_t begin, int64_t count) {
  float buffers[2 + kMaxStates][kTile];
  const Run weights = {update.weight_format, begin, count};
  const Run grads = {update.grad_format, begin, count};
  const Run states = {update.state_format, begin, count};
  const bool in_blocks = update.state_format == NumberFormat::kBlocks8;
  const float* grad = Read(update.grad, grads, buffers[0]);
  float* weight = Open(update.weight, weights, buffers[1]);
  float* state[kMaxStates] = {buffers[2], buffers[3]};
  for (int s = 0; s < Rule::kStates; ++s) {
    state[s] = in_blocks ? OpenBlock(update, s, states, buffers[2 + s])
                         : Open(update.state[s], states, buffers[2 + s]);
  }
  RunPlain<Rule>(update.factors, count, grad, weight, state[0], state[1]);
  Close(update.weight, weights, weight, update.rounding_key);
  for (int s = 0; s < Rule::kStates; ++s) {
    if (in_blocks) {
      CloseBlock(update, s, states, state[s]);
    } else {
      Close(update.state[s], states, state[s],
            StateRoundingKey(update.rounding_key, s));
    }
  }
}

template <typename Rule>
void RunRange(const ElementUpdate& update, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kTile) {
    RunTile<Rule>(update, i, std::min(kTile, end - i));
  }
}

}  // namespace

// Everything above is compiled into it, a second time for processors with AVX2;
// results are the same, since products and sums are not fused.
#if defined(__x86_64__)
__attribute__((target_clones("avx2", "default"), flatten))
#endif
void RunElements(const ElementUpdate& update, int64_t begin, int64_t end) {
  VisitRule(update.rule,
            [&](auto rule) { RunRange<decltype(rule)>(update, begin, end); });
}

}  // namespace atelier::trainer
