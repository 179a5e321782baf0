#include "client/loss_ledger.h"

#include "client/resuming_stream.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/wire_status.h"

namespace atelier::client {
namespace {

// One stream from `reached` on until nothing newer is known, whether the job
// goes on or not.
absl::Status ReadHistory(Connection& connection, int64_t id,
                         grpc::ClientContext* call, v1::Event& newest,
                         int64_t& reached) {
  v1::WatchJobRequest request;
  request.set_id(id);
  request.set_after_sequence(reached);
  const auto stream = connection.jobs().WatchJob(call, request);
  v1::WatchJobResponse response;
  while (stream->Read(&response)) {
    if (response.has_event() && response.event().sequence() > reached) {
      reached = response.event().sequence();
      if (response.event().has_loss_ledger()) newest = response.event();
    }
    if (response.last_sequence() > 0 && reached >= response.last_sequence()) {
      call->TryCancel();
      stream->Finish();
      return absl::OkStatus();
    }
  }
  return FromGrpcStatus(stream->Finish());
}

}  // namespace

absl::StatusOr<v1::Event> NewestLossLedger(Connection& connection, int64_t id) {
  v1::Event newest;
  int64_t reached = 0;
  RETURN_IF_ERROR(RunResuming(connection, StreamLimits(),
                              [&](grpc::ClientContext* call, bool* progressed) {
                                const int64_t before = reached;
                                const absl::Status status = ReadHistory(
                                    connection, id, call, newest, reached);
                                *progressed = reached > before;
                                return status;
                              }));
  return newest;
}

}  // namespace atelier::client
