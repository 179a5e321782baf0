#include "client/output/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "client/output/event_text.h"
#include "client/output/text.h"
#include "proto/cc/utf8.h"

namespace atelier::client {
namespace {

constexpr size_t kBarWidth = 20;
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(50);
constexpr double kSmoothing = 0.1;
constexpr absl::string_view kClearLine = "\r\x1b[K";

bool MovesTheBarOnly(const v1::Event& event) {
  return (event.has_step_done() && !event.step_done().skipped()) ||
         event.has_phase();
}

}  // namespace

Progress::Progress(const Context& context) : context_(context) {}

Progress::~Progress() {
  if (!is_drawn_) return;
  last_drawn_ = absl::InfinitePast();
  Redraw();
  context_.out << std::endl;
}

void Progress::Show(const v1::Event& event) {
  if (!context_.terminal.is_terminal) {
    ShowLine(event);
    return;
  }
  Follow(event);
  if (!MovesTheBarOnly(event)) {
    context_.out << kClearLine;
    ShowLine(event);
    last_drawn_ = absl::InfinitePast();
  }
  Redraw();
}

void Progress::ShowLine(const v1::Event& event) {
  context_.out << LocalTime(event.time()) << "  " << EventText(event)
               << std::endl;
}

void Progress::Follow(const v1::Event& event) {
  if (event.has_phase()) {
    phase_ = event.phase().phase();
    if (phase_ != "training") {
      done_ = event.phase().done();
      total_ = event.phase().total();
    }
  } else if (event.has_step_done()) {
    phase_ = "training";
    step_ = event.step_done();
    done_ = event.step();
    total_ = step_.total_steps();
    step_seconds_ = has_step_ ? (1 - kSmoothing) * step_seconds_ +
                                    kSmoothing * step_.step_seconds()
                              : step_.step_seconds();
    has_step_ = true;
  } else if (event.has_done()) {
    phase_ = "ended";
  } else if (event.has_state()) {
    const bool waits = event.state().state() == v1::JOB_STATE_PENDING ||
                       event.state().state() == v1::JOB_STATE_HELD;
    if (waits) phase_ = "waiting";
  }
}

std::string Progress::Bar() const {
  if (total_ <= 0) return "";
  const double share = std::clamp(
      static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
  const auto full = static_cast<size_t>(share * kBarWidth);
  std::string bar;
  for (size_t i = 0; i < kBarWidth; ++i) {
    absl::StrAppend(&bar, i < full ? "█" : "░");
  }
  return absl::StrFormat("%s %3.0f%%  %d/%d", bar, share * 100, done_, total_);
}

std::string Progress::Numbers() const {
  if (!has_step_ || phase_ != "training") return "";
  const absl::Duration left =
      absl::Seconds(step_seconds_ * static_cast<double>(total_ - done_));
  return absl::StrCat("loss ", NumberText(step_.smoothed_loss()), "  ",
                      NumberText(step_.images_per_second()), " images/s  ETA ",
                      DurationText(left), "  epoch ", step_.epoch(), "/",
                      step_.total_epochs(), SwapWait());
}

std::string Progress::SwapWait() const {
  const double share =
      step_.swap_wait_seconds() / std::max(step_.step_seconds(), 1e-9);
  return share > 0 ? absl::StrFormat("  %.0f%% waits for transfers",
                                     100 * std::min(share, 1.0))
                   : "";
}

void Progress::Redraw() {
  const absl::Time now = context_.now();
  if (now - last_drawn_ < kRedrawInterval) return;
  last_drawn_ = now;
  is_drawn_ = true;
  std::string line = Printable(phase_);
  for (const std::string& part : {Bar(), Numbers()}) {
    if (!part.empty()) absl::StrAppend(&line, "  ", part);
  }
  // The bar's blocks are three bytes but one column wide.
  const size_t extra = total_ > 0 ? 2 * kBarWidth : 0;
  context_.out << kClearLine
               << CutUtf8(line, context_.terminal.width - 1 + extra)
               << std::flush;
}

}  // namespace atelier::client
