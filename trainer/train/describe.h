// What this build can do, read off the registries.
#pragma once

#include "trainer/job/capabilities.h"

namespace atelier::trainer {

Capabilities Describe();

}  // namespace atelier::trainer
