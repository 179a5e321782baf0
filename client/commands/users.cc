#include "absl/strings/str_cat.h"

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

absl::StatusOr<int> RunUsers(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::ListUsersResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::AccessService::Stub::ListUsers,
                                   v1::ListUsersRequest(), &response));
  if (invocation.json()) {
    for (const v1::UserUsage& usage : response.users())
      PrintJson(MessageToJson(usage), invocation.context);
    return kExitOk;
  }
  Table table({"USER", "RUNNING", "WAITING", "ENDED", "DEVICE TIME"});
  for (const v1::UserUsage& usage : response.users())
    table.Add({Printable(usage.user()), absl::StrCat(usage.jobs_running()),
               absl::StrCat(usage.jobs_waiting()),
               absl::StrCat(usage.jobs_ended()),
               DurationText(absl::Seconds(usage.device_seconds()))});
  table.Print(invocation.context.out);
  return kExitOk;
}

absl::StatusOr<int> RunWhoAmI(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  v1::WhoAmIResponse response;
  RETURN_IF_ERROR(connection->Call(&v1::AccessService::Stub::WhoAmI,
                                   v1::WhoAmIRequest(), &response));
  if (invocation.json()) {
    PrintJson(MessageToJson(response), invocation.context);
    return kExitOk;
  }
  invocation.context.out << Printable(response.user()) << " ("
                         << EnumName(response.role())
                         << (response.read_only() ? ", reads only" : "")
                         << "), by " << Printable(response.peer()) << std::endl;
  return kExitOk;
}

}  // namespace

Command UsersCommand() {
  return {"users",
          "Shows what each user has running, waiting and used",
          {},
          RunUsers};
}

Command WhoAmICommand() {
  return {
      "whoami", "Shows the user that the daemon takes you for", {}, RunWhoAmI};
}

}  // namespace atelier::client
