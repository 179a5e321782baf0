// Reads Python pickles without Python: the instructions that torch.save writes,
// and no others.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/checkpoint/torch_save/pickle_value.h"

namespace atelier::trainer {

// Reads one pickle from the beginning of `bytes` and adds its values to
// `arena`. `used` is the number of bytes that it took.
//
// A class or function that is only mentioned becomes an inert name; one that is
// called is refused unless CallPickled knows it.
//
// Errors: INVALID_ARGUMENT with the place and the instruction, for what is
// malformed, refused, or larger than any checkpoint's (two million values).
absl::StatusOr<PickleId> Unpickle(absl::string_view bytes, PickleArena& arena,
                                  size_t& used);

}  // namespace atelier::trainer
