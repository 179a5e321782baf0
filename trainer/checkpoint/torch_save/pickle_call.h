// The few functions that a pickle may call, done by ourselves.
#pragma once

#include "absl/status/statusor.h"

#include "trainer/checkpoint/torch_save/pickle_value.h"

namespace atelier::trainer {

// What calling `function` with the tuple `arguments` gives, in the arena:
//
//   collections.OrderedDict            a dictionary
//   torch._utils._rebuild_tensor_v2    a tensor of a storage
//   torch._utils._rebuild_parameter    its first argument
//
// Nothing is ever looked up or run by name.
//
// Errors: INVALID_ARGUMENT naming any other function, and for arguments that do
// not fit.
absl::StatusOr<PickleValue> CallPickled(PickleArena& arena,
                                        const PickleValue& function,
                                        const PickleValue& arguments);

// The storage that torch's persistent id ('storage', type, key, location,
// elements) stands for.
absl::StatusOr<PickleValue> LoadPersistent(PickleArena& arena,
                                           const PickleValue& id);

}  // namespace atelier::trainer
