// Help texts, made from the tables of commands and options.
#pragma once

#include <string>

#include "client/command.h"

namespace atelier::client {

std::string ProgramHelp();
std::string CommandHelp(const Command& command);

}  // namespace atelier::client
