#include "trainer/data/background_writer.h"

#include <utility>

#include "trainer/tensor/catch_torch.h"

namespace atelier::trainer {

BackgroundWriter::BackgroundWriter(size_t most_waiting)
    : most_waiting_(most_waiting), thread_([this] { Run(); }) {}

BackgroundWriter::~BackgroundWriter() {
  {
    std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

absl::Status BackgroundWriter::Add(Work work) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return waiting_.size() < most_waiting_ || !status_.ok();
  });
  if (!status_.ok()) return status_;
  waiting_.push_back(std::move(work));
  changed_.notify_all();
  return absl::OkStatus();
}

absl::Status BackgroundWriter::Finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !is_working_; });
  return status_;
}

void BackgroundWriter::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Work work = std::move(waiting_.front());
    waiting_.pop_front();
    is_working_ = true;
    lock.unlock();
    // An exception must not end the thread: it becomes the work's error.
    absl::Status status = CatchTorch(work);
    lock.lock();
    is_working_ = false;
    if (!status.ok()) {
      status_ = std::move(status);
      waiting_.clear();
    }
    changed_.notify_all();
  }
}

}  // namespace atelier::trainer
