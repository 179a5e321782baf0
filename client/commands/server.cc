#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/message_json.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

void PrintServer(const v1::GetServerInfoResponse& info,
                 const Context& context) {
  std::vector<std::string> architectures;
  for (const int value : info.worker().architectures()) {
    architectures.push_back(
        ArchitectureName(static_cast<v1::Architecture>(value)));
  }
  Table table({"atelierd", Printable(info.version())});
  table.Add({"started", LocalTime(info.start_time())});
  table.Add({"state folder", Printable(info.state_dir())});
  table.Add({"jobs", absl::StrCat(info.jobs_running(), " running, ",
                                  info.jobs_pending(), " pending",
                                  info.draining() ? "; draining" : "")});
  table.Add({"metrics", Printable(info.metrics_address())});
  table.Add({"worker", Printable(info.worker().version())});
  table.Add({"trains", absl::StrJoin(architectures, ", ")});
  table.Add(
      {"CUDA",
       info.worker().has_cuda()
           ? "yes"
           : absl::StrCat("no: ", Printable(info.worker().cuda_message()))});
  for (const v1::Device& device : info.devices()) {
    table.Add({absl::StrCat("device ", Printable(device.id())),
               device.job_id() == 0 ? "free"
                                    : absl::StrCat("job ", device.job_id())});
  }
  table.Print(context.out);
}

absl::StatusOr<int> RunServer(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::GetServerInfoResponse info;
  RETURN_IF_ERROR(connection->GetServerInfo(&info));
  if (invocation.json()) {
    PrintJson(MessageToJson(info), invocation.context);
  } else {
    PrintServer(info, invocation.context);
  }
  return kExitOk;
}

absl::StatusOr<int> RunVersion(const Invocation& invocation) {
  if (invocation.json()) {
    PrintJson({{"version", ATELIER_VERSION}}, invocation.context);
  } else {
    invocation.context.out << "atelier " << ATELIER_VERSION << std::endl;
  }
  return kExitOk;
}

}  // namespace

Command ServerCommand() {
  return {"server", "Shows the daemon: version, devices, load", {}, RunServer};
}

Command VersionCommand() {
  return {"version", "Prints the client's version", {}, RunVersion};
}

}  // namespace atelier::client
