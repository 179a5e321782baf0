#include "trainer/checkpoint/torch_save/pickle_call.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/torch_save/storage_type.h"

namespace atelier::trainer {
namespace {

using Kind = PickleValue::Kind;

absl::Status ArgumentError(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("a tensor's description is malformed: ", what));
}

absl::StatusOr<std::vector<int64_t>> Numbers(const PickleArena& arena,
                                             PickleId id) {
  const PickleValue& tuple = arena.values[id];
  if (tuple.kind != Kind::kTuple && tuple.kind != Kind::kList) {
    return ArgumentError("its shape or strides are not a tuple");
  }
  std::vector<int64_t> numbers;
  for (PickleId item : tuple.items) {
    const PickleValue& value = arena.values[item];
    if (value.kind != Kind::kInt || value.integer < 0) {
      return ArgumentError("its shape or strides hold no whole number from 0");
    }
    numbers.push_back(value.integer);
  }
  return numbers;
}

// Elements from the first to the last that the tensor reaches; the arithmetic
// must not overflow.
absl::StatusOr<int64_t> Reach(const PickleTensor& tensor) {
  int64_t last = tensor.offset;
  int64_t count = 1;
  bool overflow = false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const int64_t size = tensor.shape[i];
    overflow |= __builtin_mul_overflow(count, size, &count);
    int64_t step = 0;
    overflow |= __builtin_mul_overflow(std::max<int64_t>(size - 1, 0),
                                       tensor.strides[i], &step);
    overflow |= __builtin_add_overflow(last, step, &last);
  }
  int64_t bytes = 0;
  overflow |= __builtin_mul_overflow(count, 16, &bytes);
  if (overflow) return ArgumentError("its shape is larger than 2^63 bytes");
  return count == 0 ? 0 : last + 1;
}

absl::StatusOr<PickleValue> RebuildTensor(PickleArena& arena,
                                          const PickleValue& arguments) {
  // storage, offset, shape, strides, requires_grad, hooks[, metadata]
  constexpr size_t kFewest = 4;
  if (arguments.items.size() < kFewest) {
    return ArgumentError("too few arguments");
  }
  const PickleValue& storage = arena.values[arguments.items[0]];
  const PickleValue& offset = arena.values[arguments.items[1]];
  if (storage.kind != Kind::kStorage) return ArgumentError("it has no storage");
  if (offset.kind != Kind::kInt || offset.integer < 0) {
    return ArgumentError("its offset is not a whole number from 0");
  }
  PickleTensor tensor;
  tensor.storage = storage.integer;
  tensor.offset = offset.integer;
  ASSIGN_OR_RETURN(tensor.shape, Numbers(arena, arguments.items[2]));
  ASSIGN_OR_RETURN(tensor.strides, Numbers(arena, arguments.items[3]));
  // 64: more dimensions than any tensor has (LibTorch's own limit).
  if (tensor.shape.size() != tensor.strides.size() ||
      tensor.shape.size() > 64) {
    return ArgumentError("shape and strides have different lengths");
  }
  ASSIGN_OR_RETURN(const int64_t reach, Reach(tensor));
  const int64_t elements = arena.storages[tensor.storage].elements;
  if (reach > elements) {
    return ArgumentError(absl::StrCat("it reaches to element ", reach, " of ",
                                      elements, " in storage '",
                                      arena.storages[tensor.storage].key, "'"));
  }
  // Strides of zero would let a small file ask for any amount of memory.
  const int64_t count = c10::multiply_integers(tensor.shape);
  if (count > elements) {
    return ArgumentError(
        absl::StrCat("it has ", count, " elements in a storage of ", elements));
  }
  PickleValue value;
  value.kind = Kind::kTensor;
  value.integer = static_cast<int64_t>(arena.tensors.size());
  arena.tensors.push_back(std::move(tensor));
  return value;
}

// Of a parameter: tensor, requires_grad, hooks.
absl::StatusOr<PickleValue> TakeTensor(const PickleArena& arena,
                                       const PickleValue& arguments) {
  if (arguments.items.empty() ||
      arena.values[arguments.items[0]].kind != Kind::kTensor) {
    return ArgumentError("a parameter is no tensor");
  }
  return arena.values[arguments.items[0]];
}

absl::StatusOr<PickleValue> MakeDict(PickleArena& arena,
                                     const PickleValue& arguments) {
  PickleValue dict;
  dict.kind = Kind::kDict;
  if (arguments.items.empty()) return dict;
  // Old pickles give a list of [key, value] pairs.
  for (PickleId id : arena.values[arguments.items[0]].items) {
    const PickleValue& pair = arena.values[id];
    if (pair.items.size() != 2) {
      return absl::InvalidArgumentError("an OrderedDict is malformed");
    }
    if (++arena.copied_items > kMaxPickleValues) {
      return absl::InvalidArgumentError("its dictionaries are too large");
    }
    dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
  }
  return dict;
}

}  // namespace

absl::StatusOr<PickleValue> CallPickled(PickleArena& arena,
                                        const PickleValue& function,
                                        const PickleValue& arguments) {
  if (function.kind != Kind::kGlobal || arguments.kind != Kind::kTuple) {
    return absl::InvalidArgumentError("its pickle calls what is no function");
  }
  if (function.text == "collections.OrderedDict") {
    return MakeDict(arena, arguments);
  }
  if (function.text == "torch._utils._rebuild_tensor_v2" ||
      function.text == "torch._utils._rebuild_tensor") {
    return RebuildTensor(arena, arguments);
  }
  if (function.text == "torch._utils._rebuild_parameter") {
    return TakeTensor(arena, arguments);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "its pickle wants to call ", function.text,
      ", which building tensors does not need; nothing was run. If you trust "
      "the file, convert it to .safetensors where it was made"));
}

absl::StatusOr<PickleValue> LoadPersistent(PickleArena& arena,
                                           const PickleValue& id) {
  constexpr size_t kFields = 5;
  const auto field = [&](size_t i) -> const PickleValue& {
    return arena.values[id.items[i]];
  };
  if (id.kind != Kind::kTuple || id.items.size() < kFields ||
      field(0).text != "storage" || field(1).kind != Kind::kGlobal ||
      field(2).kind != Kind::kText || field(4).kind != Kind::kInt ||
      field(4).integer < 0) {
    return ArgumentError("a storage's id is malformed");
  }
  absl::string_view storage = field(1).text;
  const bool is_torch = absl::ConsumePrefix(&storage, "torch.");
  const auto type = is_torch ? StorageType(storage) : std::nullopt;
  if (!type) {
    return absl::InvalidArgumentError(
        absl::StrCat("storage type ", field(1).text, " is not known"));
  }
  // A view of another storage (legacy form); never seen in checkpoints.
  if (id.items.size() > kFields && field(kFields).kind != Kind::kNone) {
    return ArgumentError("a storage is a view of another");
  }
  PickleValue value;
  value.kind = Kind::kStorage;
  value.integer = static_cast<int64_t>(arena.storages.size());
  arena.storages.push_back({field(2).text, *type, field(4).integer});
  return value;
}

}  // namespace atelier::trainer
