#include "trainer/worker/link.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/trainer/worker/fake_daemon.h"

namespace atelier::trainer {
namespace {

using ::atelier::testing::TempDir;
using testing::FakeDaemon;

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() : journal_(*Journal::Open(folder_.File("j"))) {}

  std::unique_ptr<Link> Connect() {
    LinkOptions options;
    options.socket_path = folder_.File("s");
    options.job_id = 7;
    options.attempt = 1;
    options.token = "secret";
    options.min_backoff = std::chrono::milliseconds(1);
    options.max_backoff = std::chrono::milliseconds(5);
    return std::make_unique<Link>(
        options, *journal_, stop_,
        [this](const std::string& message) { fenced_by_.Put(message); });
  }

  int64_t Append(Link& link, const std::string& message) {
    v1::Event event;
    event.mutable_warning()->set_message(message);
    const int64_t sequence = journal_->Append(std::move(event));
    link.Wake();
    return sequence;
  }

  // A value that another thread sets once.
  class Promise {
   public:
    void Put(const std::string& value) {
      absl::MutexLock lock(&mutex_);
      value_ = value;
    }
    std::string Wait() {
      absl::MutexLock lock(&mutex_);
      const auto there = [this] { return value_.has_value(); };
      mutex_.Await(absl::Condition(&there));
      return *value_;
    }

   private:
    absl::Mutex mutex_;
    std::optional<std::string> value_;
  };

  TempDir folder_;
  std::unique_ptr<Journal> journal_;
  StopToken stop_;
  Promise fenced_by_;
};

TEST_F(LinkTest, HelloCarriesTheTokenAndTheWelcomeTheSpec) {
  FakeDaemon daemon(folder_.File("s"));
  const auto link = Connect();
  const auto welcome = link->WaitForWelcome();
  ASSERT_TRUE(welcome.ok()) << welcome.status();
  EXPECT_EQ(welcome->spec().name(), "a job");
  const v1::WorkerHello hello = daemon.WaitForHello(1);
  EXPECT_EQ(hello.token(), "secret");
  EXPECT_EQ(hello.job_id(), 7);
  EXPECT_EQ(hello.attempt(), 1);
  EXPECT_EQ(hello.pid(), getpid());
}

TEST_F(LinkTest, EveryEventArrivesOnceAndInOrder) {
  FakeDaemon daemon(folder_.File("s"));
  const auto link = Connect();
  for (int i = 0; i < 200; ++i) Append(*link, std::to_string(i));
  ASSERT_TRUE(link->WaitUntilAcknowledged(200));
  const auto events = daemon.WaitForEvents(200);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(events[i].warning().message(), std::to_string(i));
    EXPECT_EQ(events[i].attempt(), 1);
  }
}

TEST_F(LinkTest, BrokenStreamsLoseAndRepeatNothing) {
  FakeDaemon daemon(folder_.File("s"));
  daemon.set_break_after(3);
  const auto link = Connect();
  for (int i = 0; i < 20; ++i) Append(*link, std::to_string(i));
  ASSERT_TRUE(link->WaitUntilAcknowledged(18));
  daemon.set_break_after(0);
  ASSERT_TRUE(link->WaitUntilAcknowledged(20));
  EXPECT_EQ(daemon.WaitForEvents(20).size(), 20u);
  EXPECT_GT(daemon.hellos(), 1);
}

TEST_F(LinkTest, EventsMadeWhileTheDaemonIsAwayArriveWhenItReturns) {
  FakeDaemon daemon(folder_.File("s"));
  const auto link = Connect();
  Append(*link, "before");
  ASSERT_TRUE(link->WaitUntilAcknowledged(1));
  daemon.Stop();
  Append(*link, "meanwhile");
  Append(*link, "still away");
  daemon.Start();
  ASSERT_TRUE(link->WaitUntilAcknowledged(3));
  const auto events = daemon.WaitForEvents(3);
  EXPECT_EQ(events[2].warning().message(), "still away");
  EXPECT_EQ(daemon.WaitForHello(2).last_sequence(), 3);
}

TEST_F(LinkTest, CommandsReachTheStopToken) {
  FakeDaemon daemon(folder_.File("s"));
  daemon.set_command(v1::WorkerCommand::KIND_STOP);
  const auto link = Connect();
  ASSERT_TRUE(link->WaitForWelcome().ok());
  EXPECT_TRUE(stop_.stop_requested());
}

TEST_F(LinkTest, AFencedAttemptIsToldSo) {
  FakeDaemon daemon(folder_.File("s"));
  daemon.set_fenced(true);
  const auto link = Connect();
  EXPECT_THAT(fenced_by_.Wait(), ::testing::HasSubstr("attempt 2 runs"));
  EXPECT_TRUE(stop_.stop_requested());
  EXPECT_TRUE(absl::IsAborted(link->WaitForWelcome().status()));
}

TEST_F(LinkTest, TheLeaseEndsTheRunWhenTheDaemonStaysAway) {
  FakeDaemon daemon(folder_.File("s"));
  daemon.set_lease(absl::Milliseconds(300));
  const auto link = Connect();
  ASSERT_TRUE(link->WaitForWelcome().ok());
  daemon.Stop();
  EXPECT_FALSE(link->WaitUntilAcknowledged(Append(*link, "unheard")));
  EXPECT_TRUE(link->lease_expired());
  EXPECT_TRUE(stop_.stop_requested());
}

TEST_F(LinkTest, NoDaemonAtAllIsAnError) {
  LinkOptions options;
  options.socket_path = folder_.File("nobody");
  options.first_contact = std::chrono::milliseconds(20);
  Link link(options, *journal_, stop_, [](const std::string&) {});
  const auto welcome = link.WaitForWelcome();
  EXPECT_TRUE(absl::IsUnavailable(welcome.status()));
  EXPECT_THAT(std::string(welcome.status().message()),
              ::testing::HasSubstr(folder_.File("nobody")));
}

}  // namespace
}  // namespace atelier::trainer
