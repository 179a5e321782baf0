// Why a job waits, in words.
#pragma once

#include <string>

#include "atelier/v1/schedule.pb.h"
#include "client/context.h"

namespace atelier::client {

// Some lines, each with its label.
std::string WaitText(const v1::ExplainJobResponse& why, const Context& context);

}  // namespace atelier::client
