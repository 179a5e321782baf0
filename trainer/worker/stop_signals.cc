#include "trainer/worker/stop_signals.h"

#include <csignal>

namespace atelier::trainer {
namespace {

StopToken* signalled = nullptr;

void AskToStop(int) { signalled->RequestStop(); }

}  // namespace

void StopOnSignals(StopToken& stop) {
  signalled = &stop;
  struct sigaction action = {};
  action.sa_handler = &AskToStop;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace atelier::trainer
