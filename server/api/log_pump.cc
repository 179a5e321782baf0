#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/job_state.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/api/job_pumps.h"
#include "server/streams/log_reader.h"

namespace atelier::server {
namespace {

constexpr size_t kLogChunkBytes = 64 << 10;
// How often the file is looked at while a worker prints nothing.
constexpr absl::Duration kLogLook = absl::Milliseconds(200);

class LogPump : public Pump<v1::TailLogsResponse> {
 public:
  LogPump(const JobStore& store, const v1::TailLogsRequest& request)
      : store_(store), request_(request), offset_(request.offset()) {}

  Pumped<v1::TailLogsResponse> Next(bool) override {
    Pumped<v1::TailLogsResponse> result;
    absl::Status status = Fill(result);
    if (!status.ok()) return EndWith<v1::TailLogsResponse>(std::move(status));
    result.idle = kLogLook;
    return result;
  }

 private:
  absl::Status Fill(Pumped<v1::TailLogsResponse>& result) {
    RETURN_IF_ERROR(Look());
    // What is printed before the end was seen is read after it.
    bool has_ended = has_ended_;
    std::string bytes;
    if (reader_) {
      ASSIGN_OR_RETURN(bytes, reader_->Read(offset_, kLogChunkBytes));
    }
    bool is_last = bytes.empty() && (has_ended || !request_.follow());
    if (is_last) result.end = absl::OkStatus();
    if (bytes.empty() && !(is_last && has_ended)) return absl::OkStatus();
    v1::TailLogsResponse& message = result.messages.emplace_back();
    message.set_attempt(attempt_);
    message.set_offset(offset_);
    offset_ += static_cast<int64_t>(bytes.size());
    message.set_data(std::move(bytes));
    message.set_eof(is_last && has_ended);
    return absl::OkStatus();
  }

  // Finds the attempt, and whether it has ended.
  absl::Status Look() {
    if (has_ended_) return absl::OkStatus();
    ASSIGN_OR_RETURN(Job job, store_.ReadJob(request_.id()));
    int wanted = attempt_ > 0 ? attempt_ : request_.attempt();
    if (wanted == 0 && !job.attempts.empty())
      wanted = job.attempts.back().id.number;
    for (const Attempt& attempt : job.attempts) {
      if (attempt.id.number != wanted) continue;
      attempt_ = wanted;
      has_ended_ = attempt.end_time != absl::InfinitePast();
      if (!reader_) reader_.emplace(attempt.run_dir);
      return absl::OkStatus();
    }
    has_ended_ = IsTerminal(job.state);
    if (wanted == 0) return absl::OkStatus();
    return MakeError(absl::StatusCode::kNotFound, reasons::kAttemptNotFound,
                     absl::StrCat("job ", job.id, " has no attempt ", wanted,
                                  "; it has ", job.attempts.size()));
  }

  const JobStore& store_;
  const v1::TailLogsRequest request_;
  int attempt_ = 0;
  int64_t offset_;
  bool has_ended_ = false;
  std::optional<LogReader> reader_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Pump<v1::TailLogsResponse>>> MakeLogPump(
    const JobStore& store, const v1::TailLogsRequest& request) {
  if (request.offset() < 0)
    return MakeBadRequest(reasons::kInvalidRequest,
                          {{"offset", "offset is negative; 0 is the start"}});
  if (request.attempt() < 0)
    return MakeBadRequest(
        reasons::kInvalidRequest,
        {{"attempt", "attempt is negative; 0 is the newest"}});
  return std::make_unique<LogPump>(store, request);
}

}  // namespace atelier::server
