#include "trainer/memory/autocast_state.h"

#include <ATen/autocast_mode.h>

namespace atelier::trainer {

AutocastState AutocastState::Current() {
  AutocastState state;
  for (size_t i = 0; i < kDevices.size(); ++i) {
    state.enabled[i] = at::autocast::is_autocast_enabled(kDevices[i]);
    state.dtype[i] = at::autocast::get_autocast_dtype(kDevices[i]);
  }
  state.cache = at::autocast::is_autocast_cache_enabled();
  return state;
}

void AutocastState::Apply() const {
  for (size_t i = 0; i < kDevices.size(); ++i) {
    at::autocast::set_autocast_enabled(kDevices[i], enabled[i]);
    at::autocast::set_autocast_dtype(kDevices[i], dtype[i]);
  }
  at::autocast::set_autocast_cache_enabled(cache);
}

AutocastGuard::AutocastGuard(AutocastState state)
    : before_(AutocastState::Current()) {
  state.cache = false;
  state.Apply();
}

AutocastGuard::~AutocastGuard() { before_.Apply(); }

}  // namespace atelier::trainer
