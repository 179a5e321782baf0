// Half precision of the forward pass: LibTorch's autocast for as long as this
// lives.
#pragma once

#include <ATen/autocast_mode.h>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Convolutions and matrix products run in `precision`, what needs range in
// fp32; fp32 changes nothing. Threads: of the one that makes it.
class Autocast {
 public:
  Autocast(torch::DeviceType device, torch::ScalarType precision)
      : device_(device), enabled_(precision != torch::kFloat32) {
    if (!enabled_) return;
    was_enabled_ = at::autocast::is_autocast_enabled(device_);
    was_dtype_ = at::autocast::get_autocast_dtype(device_);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, precision);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!enabled_) return;
    // The cache of cast weights must not outlive an update of the weights.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, was_enabled_);
    at::autocast::set_autocast_dtype(device_, was_dtype_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType device_;
  bool enabled_;
  bool was_enabled_ = false;
  torch::ScalarType was_dtype_ = torch::kFloat32;
};

}  // namespace atelier::trainer
