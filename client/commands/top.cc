#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/device_text.h"
#include "client/output/json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "proto/cc/message_json.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

constexpr double kDefaultSeconds = 2;
constexpr int kMaxJobs = 100;
// To the top left corner, then clears what is below.
constexpr char kRedraw[] = "\x1b[H\x1b[J";

struct View {
  v1::ListDevicesResponse devices;
  std::vector<v1::Job> running;
  int64_t pending = 0;
};

absl::StatusOr<View> ReadView(Connection& connection) {
  View view;
  RETURN_IF_ERROR(connection.Call(&v1::DeviceService::Stub::ListDevices,
                                  v1::ListDevicesRequest(), &view.devices));
  v1::GetServerInfoResponse info;
  RETURN_IF_ERROR(connection.GetServerInfo(&info));
  view.pending = info.jobs_pending();
  for (const char* state : {"STARTING", "RUNNING", "STOPPING"}) {
    v1::ListJobsRequest request;
    request.set_filter(absl::StrCat("state = ", state));
    request.set_page_size(kMaxJobs);
    v1::ListJobsResponse response;
    RETURN_IF_ERROR(
        connection.Call(&v1::JobService::Stub::ListJobs, request, &response));
    for (v1::Job& job : *response.mutable_jobs())
      view.running.push_back(std::move(job));
  }
  return view;
}

void PrintJobs(const View& view, const Context& context) {
  Table table(
      {"ID", "STATE", "OWNER", "STEP", "LOSS", "IMAGES/S", "MEMORY", "NAME"});
  for (const v1::Job& job : view.running) {
    const v1::Progress& progress = job.progress();
    const bool has_steps = progress.total_steps() > 0;
    table.Add({absl::StrCat(job.id()), StateText(job.state(), context.terminal),
               Printable(job.owner()),
               has_steps
                   ? absl::StrCat(progress.step(), "/", progress.total_steps())
                   : Printable(progress.phase()),
               has_steps ? NumberText(progress.smoothed_loss()) : "",
               has_steps ? NumberText(progress.images_per_second()) : "",
               BytesText(std::max(progress.device_peak_bytes(),
                                  progress.host_peak_bytes())),
               Printable(job.spec().name())});
  }
  table.Print(context.out);
  context.out << view.pending << " waiting" << std::endl;
}

void Print(const View& view, const Invocation& invocation) {
  const Context& context = invocation.context;
  if (invocation.json()) {
    nlohmann::ordered_json json = MessageToJson(view.devices);
    json["running"] = nlohmann::ordered_json::array();
    for (const v1::Job& job : view.running)
      json["running"].push_back(JobToJson(job));
    json["jobs_pending"] = view.pending;
    return PrintJson(json, context);
  }
  if (context.terminal.is_terminal) context.out << kRedraw;
  PrintDevices(view.devices, context);
  context.out << "\n";
  PrintJobs(view, context);
}

absl::StatusOr<int> RunTop(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  double seconds = kDefaultSeconds;
  if (arguments.Has("interval") &&
      (!absl::SimpleAtod(arguments.Value("interval"), &seconds) ||
       seconds < 0.1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--interval is \"", arguments.Value("interval"),
                     "\"; it must be a number of seconds from 0.1 on"));
  }
  const bool is_live =
      invocation.context.terminal.is_terminal && !invocation.json();
  int64_t count = is_live ? std::numeric_limits<int64_t>::max() : 1;
  if (arguments.Has("count")) {
    ASSIGN_OR_RETURN(count, ParseInteger("count", arguments.Value("count"), 1));
  }
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) invocation.context.sleep(absl::Seconds(seconds));
    ASSIGN_OR_RETURN(const View view, ReadView(*connection));
    Print(view, invocation);
  }
  return kExitOk;
}

}  // namespace

Command TopCommand() {
  return {"top",
          "Shows devices and running jobs, live on a terminal",
          {"",
           0,
           0,
           {{"interval", "SECONDS", "Between two looks (2)"},
            {"count", "N", "Looks so often and ends; not on a terminal: 1"}}},
          RunTop};
}

}  // namespace atelier::client
