// Arrays of sd-scripts' files that hold what text encoders make of one caption.
//
// A conditioner says which arrays its encoders' file has and what they must
// look like; files themselves are others' business.
#pragma once

#include <initializer_list>
#include <map>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// By name, without a batch dimension.
using TextArrays = std::map<std::string, Tensor>;

// The floats of an array as the row of a batch of one, [1, sizes...] fp32.
//
// Errors: FAILED_PRECONDITION where it is missing, has other sizes or no
// floats.
absl::StatusOr<Tensor> FloatRow(const TextArrays& arrays,
                                const std::string& name,
                                std::initializer_list<int64_t> sizes);

// Fails where integers of the file are not those that the caption gives: the
// file is of another caption, or of another length of tokens.
//
// Shapes: expected [1, L]. Errors: FAILED_PRECONDITION.
absl::Status ExpectIntegers(const TextArrays& arrays, const std::string& name,
                            const Tensor& expected);

// Fails where the file was made with the other choice of an option. Errors:
// FAILED_PRECONDITION naming it.
absl::Status ExpectFlag(const TextArrays& arrays, const std::string& option,
                        bool expected);

}  // namespace atelier::trainer
