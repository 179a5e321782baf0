// The commands, one a file; command_table.h lists them.
#pragma once

#include "client/command.h"

namespace atelier::client {

Command AdminCommand();
Command CancelCommand();
Command CheckpointsCommand();
Command CompletionCommand();
Command ConvertCommand();
Command DatasetCommand();
Command GpusCommand();
Command HoldCommand();
Command ListCommand();
Command LogsCommand();
Command OptionsCommand();
Command ReleaseCommand();
Command RequeueCommand();
Command SamplesCommand();
Command ServerCommand();
Command ShowCommand();
Command SubmitCommand();
Command TopCommand();
Command UpdateCommand();
Command UsersCommand();
Command VersionCommand();
Command WaitCommand();
Command WatchCommand();
Command WhoAmICommand();
Command WhyCommand();

}  // namespace atelier::client
