// Work done by threads ahead of its use, and taken in order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/tensor/catch_torch.h"

namespace atelier::trainer {

// Makes items 0, 1, 2, … with `make`, which must depend on the number alone and
// be safe to call from several threads.
//
// At most two items a thread wait to be taken. Owns: its threads; the
// destructor joins them. Threads: Take and Current from one.
template <typename T>
class OrderedPipeline {
 public:
  using Make = std::function<absl::StatusOr<T>(int64_t number)>;

  // No threads: Take makes the item itself. `end`: how many items there are.
  OrderedPipeline(int threads, int64_t end, Make make)
      : make_(std::move(make)), end_(end) {
    const int cores =
        std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const int count = std::clamp(threads, 0, cores);
    window_ = 2 * count;
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { Run(); });
  }

  ~OrderedPipeline() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  OrderedPipeline(const OrderedPipeline&) = delete;
  OrderedPipeline& operator=(const OrderedPipeline&) = delete;

  // The next item; after an error the same one again. Blocks: until it is made.
  absl::StatusOr<T> Take() {
    if (threads_.empty()) {
      absl::StatusOr<T> item = MakeSafely(taken_);
      if (item.ok()) ++taken_;
      return item;
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready_.contains(taken_); });
    const auto found = ready_.find(taken_);
    if (!found->second.ok()) return found->second.status();
    absl::StatusOr<T> item = std::move(found->second);
    ready_.erase(found);
    ++taken_;
    lock.unlock();
    changed_.notify_all();
    return item;
  }

 private:
  // An exception must not end the thread: it becomes the item's error.
  absl::StatusOr<T> MakeSafely(int64_t number) {
    return CatchTorchOr([&]() -> absl::StatusOr<T> { return make_(number); });
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] {
        return stopping_ || started_ >= end_ || started_ < taken_ + window_;
      });
      if (stopping_ || started_ >= end_) return;
      const int64_t number = started_++;
      lock.unlock();
      absl::StatusOr<T> item = MakeSafely(number);
      lock.lock();
      ready_.emplace(number, std::move(item));
      changed_.notify_all();
    }
  }

  Make make_;
  int64_t end_;
  int64_t window_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  int64_t started_ = 0;
  int64_t taken_ = 0;
  std::map<int64_t, absl::StatusOr<T>> ready_;
  std::vector<std::thread> threads_;
};

}  // namespace atelier::trainer
