// What a pickle may hold here: plain values, containers, and tensors that are
// still on disk.
//
// Values lie in one arena and refer to each other by number, so that neither
// depth nor loops of a hostile file can exhaust the stack.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

using PickleId = uint32_t;

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,  // that fits 64 bits; longer ones are kBytes, little-endian
    kFloat,
    kText,
    kBytes,
    kTuple,
    kList,
    kDict,     // items: key, value, key, value, …
    kGlobal,   // text: `module.name`; inert
    kStorage,  // integer: place in PickleArena::storages
    kTensor,   // integer: place in PickleArena::tensors
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;
  std::string text;
  std::vector<PickleId> items;
};

// Bytes that tensors are views of.
struct PickleStorage {
  std::string key;
  torch::ScalarType dtype = torch::kFloat32;
  int64_t elements = 0;
};

struct PickleTensor {
  int64_t storage = 0;  // place in PickleArena::storages
  int64_t offset = 0;   // in elements
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};

struct PickleArena {
  std::vector<PickleValue> values;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  // Items that were copied from one container to another; bounded, since a
  // small file could otherwise ask for the same copy again and again.
  size_t copied_items = 0;
};

// A full model's pickle has some ten thousand values.
inline constexpr size_t kMaxPickleValues = 2'000'000;

}  // namespace atelier::trainer
