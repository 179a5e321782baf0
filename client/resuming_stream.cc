#include "client/resuming_stream.h"

#include "absl/strings/str_cat.h"

#include "proto/cc/wire_status.h"

namespace atelier::client {
namespace {

constexpr int kFirstTries = 4;
constexpr absl::Duration kPatience = absl::Minutes(10);

// The daemon gives every error of its own a reason; what has none was made by
// the transport when the line broke.
bool IsBrokenLine(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return ErrorReason(status).empty();
    default:
      return false;
  }
}

}  // namespace

absl::Status RunResuming(
    Connection& connection, const StreamLimits& limits,
    const std::function<absl::Status(grpc::ClientContext* call,
                                     bool* progressed)>& run_once) {
  const Context& context = connection.context();
  Backoff backoff;
  bool was_reached = false;
  bool was_told = false;
  int tries = 0;
  absl::Duration away;
  while (true) {
    grpc::ClientContext call;
    if (limits.deadline != absl::InfiniteFuture()) {
      call.set_deadline(absl::ToChronoTime(limits.deadline));
    }
    bool progressed = false;
    const absl::Status status = run_once(&call, &progressed);
    if (!IsBrokenLine(status)) return status;
    if (progressed) {
      was_reached = true;
      was_told = false;
      away = absl::ZeroDuration();
      backoff = Backoff();
    }
    ++tries;
    const bool gives_up = was_reached ? away > kPatience : tries >= kFirstTries;
    if (gives_up) return connection.Explain(status);
    if (was_reached && !was_told) {
      context.err << "connection lost; reconnecting…" << std::endl;
      was_told = true;
    }
    const absl::Duration pause = backoff.Next();
    away += pause;
    context.sleep(pause);
    connection.Reopen();
  }
}

absl::Status FollowEvents(
    Connection& connection, int64_t id, int64_t after_sequence,
    const StreamLimits& limits,
    const std::function<void(const v1::Event& event)>& visit) {
  int64_t last = after_sequence;
  return RunResuming(
      connection, limits, [&](grpc::ClientContext* call, bool* progressed) {
        v1::WatchJobRequest request;
        request.set_id(id);
        request.set_after_sequence(last);
        const auto stream = connection.jobs().WatchJob(call, request);
        v1::WatchJobResponse response;
        while (stream->Read(&response)) {
          *progressed = true;
          const v1::Event& event = response.event();
          if (!response.has_event() || event.sequence() <= last) continue;
          last = event.sequence();
          visit(event);
        }
        return FromGrpcStatus(stream->Finish());
      });
}

}  // namespace atelier::client
