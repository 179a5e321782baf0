// A run's events in the words of the contract.
#pragma once

#include "atelier/v1/event.pb.h"
#include "trainer/job/event.h"

namespace atelier::trainer {

// Step, kind and the current time; sequence numbers and the attempt are the
// caller's.
v1::Event ToProto(const Event& event);

}  // namespace atelier::trainer
