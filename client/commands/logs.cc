#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/text.h"
#include "client/resuming_stream.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/wire_status.h"

namespace atelier::client {
namespace {

// Prints what arrives and remembers where to go on after a break.
class LogTail {
 public:
  LogTail(const Invocation& invocation, v1::TailLogsRequest request)
      : invocation_(invocation), request_(std::move(request)) {}

  absl::Status ReadOnce(Connection& connection, grpc::ClientContext* call,
                        bool* progressed) {
    const auto stream = connection.jobs().TailLogs(call, request_);
    v1::TailLogsResponse response;
    while (stream->Read(&response)) {
      *progressed = true;
      if (response.attempt() != 0) request_.set_attempt(response.attempt());
      if (!response.data().empty()) Take(response);
    }
    return FromGrpcStatus(stream->Finish());
  }

 private:
  void Take(const v1::TailLogsResponse& response) {
    request_.set_offset(response.offset() +
                        static_cast<int64_t>(response.data().size()));
    const Context& context = invocation_.context;
    if (invocation_.json()) {
      return PrintJson({{"attempt", response.attempt()},
                        {"offset", response.offset()},
                        {"data", response.data()}},
                       context);
    }
    context.out << (context.terminal.is_terminal
                        ? PrintableLines(response.data())
                        : response.data())
                << std::flush;
  }

  const Invocation& invocation_;
  v1::TailLogsRequest request_;
};

absl::StatusOr<int> RunLogs(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  v1::TailLogsRequest request;
  ASSIGN_OR_RETURN(const int64_t id, ParseJobId(arguments.positional[0]));
  request.set_id(id);
  request.set_follow(arguments.Has("follow"));
  if (arguments.Has("attempt")) {
    ASSIGN_OR_RETURN(const int64_t attempt,
                     ParseInteger("attempt", arguments.Value("attempt"), 1));
    request.set_attempt(
        static_cast<int32_t>(std::min<int64_t>(attempt, INT32_MAX)));
  }
  if (arguments.Has("offset")) {
    ASSIGN_OR_RETURN(const int64_t offset,
                     ParseInteger("offset", arguments.Value("offset"), 0));
    request.set_offset(offset);
  }
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  LogTail tail(invocation, std::move(request));
  RETURN_IF_ERROR(RunResuming(
      *connection, {}, [&](grpc::ClientContext* call, bool* progressed) {
        return tail.ReadOnce(*connection, call, progressed);
      }));
  return kExitOk;
}

}  // namespace

Command LogsCommand() {
  return {"logs",
          "Prints what a job's worker printed",
          {"ID",
           1,
           1,
           {{"follow", "", "Goes on until the attempt has ended", 'f'},
            {"attempt", "N", "Of this attempt (the newest)"},
            {"offset", "BYTES", "From this byte on (0)"}}},
          RunLogs};
}

}  // namespace atelier::client
