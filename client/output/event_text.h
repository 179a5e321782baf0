// Events in words, one line each.
#pragma once

#include <string>

#include "atelier/v1/event.pb.h"

namespace atelier::client {

// Without a line end; text of others is made printable.
std::string EventText(const v1::Event& event);

}  // namespace atelier::client
