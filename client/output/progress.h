// A job's events as they come: a line each in a pipe, a bar with the latest
// numbers beneath the lines of note on a terminal.
#pragma once

#include <string>

#include "atelier/v1/event.pb.h"
#include "client/context.h"

namespace atelier::client {

class Progress {
 public:
  explicit Progress(const Context& context);
  // Leaves the cursor on a line of its own.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(const v1::Event& event);

 private:
  void ShowLine(const v1::Event& event);
  void Follow(const v1::Event& event);
  void Redraw();
  std::string Bar() const;
  std::string Numbers() const;
  // The share of the step in which the device waited for transfers.
  std::string SwapWait() const;

  const Context& context_;
  std::string phase_ = "waiting";
  int64_t done_ = 0;
  int64_t total_ = 0;
  v1::StepEvent step_;
  bool has_step_ = false;
  // Smoothed over steps, for the time that is left.
  double step_seconds_ = 0;
  absl::Time last_drawn_ = absl::InfinitePast();
  bool is_drawn_ = false;
};

}  // namespace atelier::client
