#include "trainer/data/background_writer.h"

#include <future>
#include <stdexcept>
#include <vector>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

TEST(BackgroundWriterTest, DoesEverythingInOrderBeforeItFinishes) {
  std::vector<int> done;
  BackgroundWriter writer(2);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(writer
                    .Add([&done, i] {
                      done.push_back(i);
                      return absl::OkStatus();
                    })
                    .ok());
  }
  ASSERT_TRUE(writer.Finish().ok());
  ASSERT_EQ(done.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(done[i], i);
}

TEST(BackgroundWriterTest, WhatWaitsIsDoneWhenItIsDestroyed) {
  int done = 0;
  std::promise<void> gate;
  {
    BackgroundWriter writer(4);
    const std::shared_future<void> open = gate.get_future().share();
    for (int i = 0; i < 3; ++i) {
      (void)writer.Add([&done, open] {
        open.wait();
        ++done;
        return absl::OkStatus();
      });
    }
    gate.set_value();
  }
  EXPECT_EQ(done, 3);
}

TEST(BackgroundWriterTest, TheFirstFailureEndsTheWork) {
  BackgroundWriter writer(8);
  (void)writer.Add([] { return absl::UnavailableError("disk full"); });
  EXPECT_EQ(writer.Finish().message(), "disk full");
  bool was_done = false;
  const absl::Status status = writer.Add([&was_done] {
    was_done = true;
    return absl::OkStatus();
  });
  EXPECT_EQ(status.message(), "disk full");
  EXPECT_FALSE(was_done);
}

TEST(BackgroundWriterTest, AnExceptionIsAFailureToo) {
  BackgroundWriter writer(8);
  (void)writer.Add([]() -> absl::Status { throw std::runtime_error("no"); });
  EXPECT_FALSE(writer.Finish().ok());
}

}  // namespace
}  // namespace atelier::trainer
