// absl::Status to grpc::Status and back, google.rpc details included
// (grpc-status-details-bin). The details themselves are made and read with
// error_details.h.
#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

#include "proto/cc/error_details.h"

namespace atelier {

// Every error gets an ErrorInfo: its own, or one whose reason is the code's
// name. Message and details are cut so that both fit into gRPC's 8 KiB of
// metadata. The location trail stays behind.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Details that do not parse are dropped; code and message always survive.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace atelier
