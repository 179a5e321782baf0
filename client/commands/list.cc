#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"

namespace atelier::client {
namespace {

constexpr int64_t kDefaultLimit = 50;
constexpr int64_t kPageSize = 500;

absl::StatusOr<std::string> StateFilter(const std::string& name) {
  if (const auto state = EnumFromName<v1::JobState>(name)) {
    return absl::StrCat("state = ", EnumName(*state));
  }
  std::vector<std::string> known;
  std::string list;
  for (int i = 1; i <= v1::JobState_MAX; ++i) {
    known.push_back(EnumName(static_cast<v1::JobState>(i)));
    absl::StrAppend(&list, i == 1 ? "" : ", ", known.back());
  }
  return absl::InvalidArgumentError(absl::StrCat("--state is \"", name,
                                                 "\"; must be one of ", list,
                                                 DidYouMean(name, known)));
}

absl::StatusOr<v1::ListJobsRequest> MakeRequest(const Arguments& arguments) {
  v1::ListJobsRequest request;
  request.set_filter(arguments.Value("filter"));
  request.set_order_by(arguments.Value("order-by"));
  if (!arguments.Has("state")) return request;
  ASSIGN_OR_RETURN(const std::string state,
                   StateFilter(arguments.Value("state")));
  request.set_filter(request.filter().empty()
                         ? state
                         : absl::StrCat(request.filter(), " AND ", state));
  return request;
}

// `120/1600 · 0.1234`, as far as it is known.
std::string ProgressText(const v1::Job& job) {
  const v1::Progress& progress = job.progress();
  if (progress.total_steps() == 0) return Printable(progress.phase());
  return absl::StrCat(progress.step(), "/", progress.total_steps(), " loss ",
                      NumberText(progress.smoothed_loss()));
}

void PrintTable(const std::vector<v1::Job>& jobs, const Context& context) {
  Table table({"ID", "STATE", "ARCH", "PROGRESS", "SUBMITTED", "NAME"});
  for (const v1::Job& job : jobs) {
    table.Add({absl::StrCat(job.id()), StateText(job.state(), context.terminal),
               ArchitectureName(job.spec().architecture()), ProgressText(job),
               LocalTime(job.create_time()), Printable(job.spec().name())});
  }
  table.Print(context.out);
}

absl::StatusOr<int> RunList(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  int64_t limit = kDefaultLimit;
  if (arguments.Has("limit")) {
    ASSIGN_OR_RETURN(limit, ParseInteger("limit", arguments.Value("limit"), 1));
  }
  ASSIGN_OR_RETURN(v1::ListJobsRequest request, MakeRequest(arguments));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  std::vector<v1::Job> jobs;
  while (static_cast<int64_t>(jobs.size()) < limit) {
    const int64_t missing = limit - static_cast<int64_t>(jobs.size());
    // The same size on every page: a page token holds for its own request.
    request.set_page_size(static_cast<int32_t>(std::min(limit, kPageSize)));
    v1::ListJobsResponse response;
    RETURN_IF_ERROR(
        connection->Call(&v1::JobService::Stub::ListJobs, request, &response));
    for (v1::Job& job : *response.mutable_jobs()) {
      jobs.push_back(std::move(job));
    }
    request.set_page_token(response.next_page_token());
    if (missing <= 0 || request.page_token().empty()) break;
  }
  if (static_cast<int64_t>(jobs.size()) > limit) {
    jobs.resize(static_cast<size_t>(limit));
  }
  if (!invocation.json()) {
    PrintTable(jobs, invocation.context);
    return kExitOk;
  }
  for (const v1::Job& job : jobs) {
    PrintJson(JobToJson(job), invocation.context);
  }
  return kExitOk;
}

}  // namespace

Command ListCommand() {
  return {
      "list",
      "Shows the jobs, newest first",
      {"",
       0,
       0,
       {{"state", "STATE", "Only jobs in this state"},
        {"filter", "TERMS",
         "Terms joined by AND, as in: name : \"cat\" AND label.k = v"},
        {"order-by", "FIELD", "id, create_time, name or state; with ` desc`"},
        {"limit", "N", "At most so many (50)"}}},
      RunList};
}

}  // namespace atelier::client
