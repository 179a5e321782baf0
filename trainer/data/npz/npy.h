// One array of numpy's .npy format.
//
//   \x93NUMPY, version (2 bytes), length of the header (2 bytes, 4 from
//   version 2), header, elements
//
// The header is the text of a Python dictionary: `descr` (`<f4`),
// `fortran_order`, `shape`.
//
// Source: numpy's description of the format, "numpy.lib.format", versions 1.0
// to 3.0.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// A copy on the CPU, in C order whatever the file's. Little-endian f2, f4, f8,
// i1, i2, i4, i8, u1 and b1; an array without axes is a scalar tensor.
//
// Errors: INVALID_ARGUMENT for anything else, and for elements that are not
// exactly as many bytes as the shape says. Memory: what `bytes` takes.
absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes);

// The bytes that numpy.save writes for this tensor: version 1.0, C order.
// Shapes: any, at most 32 axes. Errors: INVALID_ARGUMENT for types that numpy
// has no name for; bf16 is one.
absl::StatusOr<std::string> FormatNpy(const Tensor& tensor);

}  // namespace atelier::trainer
