// Scalars as TensorBoard reads them: a file of records, each a protobuf message
// tensorflow.Event.
//
//   record: length (8 bytes) | masked CRC-32C of these | message | masked
//           CRC-32C of it; numbers little-endian
//   Event:  1 wall_time double, 2 step int64, 3 file_version string,
//           5 summary {1 value {1 tag string, 2 simple_value float}},
//           7 session_log {1 status enum: 1 START}
//
// Each attempt has a file of its own, since readers keep their place in the
// ones that they know. One that goes on from an earlier step begins with a
// START at the step behind it, which takes later steps of the other files out
// of every picture.
//
// Source: TensorFlow, event.proto, summary.proto and record_writer.cc.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"

#include "trainer/scalars/scalar_writer.h"

namespace atelier::trainer {

// Makes <folder>/events.out.tfevents.<seconds>.atelier.<number>. `now` is in
// seconds since 1970.
absl::StatusOr<std::unique_ptr<ScalarWriter>> OpenEventFile(
    const std::string& folder, double now);

}  // namespace atelier::trainer
