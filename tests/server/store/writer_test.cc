#include "server/store/writer.h"

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"

#include "proto/cc/error_details.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

class WriterTest : public ::testing::Test {
 protected:
  WriterTest() {
    auto opened =
        Connection::OpenWriter(folder_.File("x.db"), Durability::kFull);
    EXPECT_TRUE(opened.ok()) << opened.status();
    connection_ = opened->get();
    connection_->Execute("CREATE TABLE t (x TEXT UNIQUE) STRICT");
    WriterOptions options;
    options.gather = absl::Hours(1);
    options.on_commit = [this](absl::Duration) { ++commits_; };
    writer_ = std::make_unique<Writer>(*std::move(opened), clock_, options);
  }

  static Writer::Change Insert(const std::string& text) {
    return [text](WriteTransaction& transaction) {
      Query(transaction.connection(), "INSERT INTO t VALUES (?)")
          .Bind(text)
          .Run();
      return absl::OkStatus();
    };
  }

  int64_t CountRows() {
    auto reader = Connection::OpenReader(folder_.File("x.db"));
    EXPECT_TRUE(reader.ok()) << reader.status();
    return (*reader)->ReadInt("SELECT COUNT(*) FROM t");
  }

  atelier::testing::TempDir folder_;
  FakeClock clock_;
  std::atomic<int> commits_ = 0;
  Connection* connection_ = nullptr;
  std::unique_ptr<Writer> writer_;
};

TEST_F(WriterTest, ChangesThatWaitShareOneCommit) {
  std::atomic<int> done = 0;
  for (int i = 0; i < 10; ++i) {
    writer_->Enqueue(Insert(std::to_string(i)), [&](absl::Status status) {
      EXPECT_TRUE(status.ok()) << status;
      ++done;
    });
  }
  ASSERT_TRUE(writer_->Run(Insert("urgent")).ok());
  EXPECT_EQ(done, 10);
  EXPECT_EQ(commits_, 1);
  EXPECT_EQ(CountRows(), 11);
}

TEST_F(WriterTest, FailedChangeIsUndoneAlone) {
  absl::Status first;
  writer_->Enqueue(
      [](WriteTransaction& transaction) {
        Insert("half")(transaction).IgnoreError();
        transaction.Emit(1, v1::Event());
        return absl::InternalError("changed its mind");
      },
      [&](absl::Status status) { first = status; });
  ASSERT_TRUE(writer_->Run(Insert("whole")).ok());
  EXPECT_EQ(first.message(), "changed its mind");
  EXPECT_EQ(CountRows(), 1);
}

TEST_F(WriterTest, BrokenConstraintIsAnError) {
  ASSERT_TRUE(writer_->Run(Insert("a")).ok());
  EXPECT_EQ(writer_->Run(Insert("a")).code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(writer_->Run(Insert("b")).ok());
}

TEST_F(WriterTest, FullDiskIsSaidAndRecovered) {
  auto limit = [this](const std::string& pages) {
    return writer_->Run([pages](WriteTransaction& transaction) {
      transaction.connection().ReadInt("PRAGMA max_page_count = " + pages);
      return absl::OkStatus();
    });
  };
  ASSERT_TRUE(limit("10").ok());
  absl::Status full;
  int stored = 0;
  for (int i = 0; i < 100 && full.ok(); ++i) {
    full = writer_->Run(Insert(std::string(1000, 'x') + std::to_string(i)));
    if (full.ok()) ++stored;
  }
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_EQ(ErrorReason(full), "DISK_FULL");
  EXPECT_EQ(CountRows(), stored);
  ASSERT_TRUE(limit("1000000").ok());
  EXPECT_TRUE(writer_->Run(Insert("room again")).ok());
}

TEST_F(WriterTest, WhatIsQueuedIsWrittenBeforeTheEnd) {
  std::atomic<bool> done = false;
  writer_->Enqueue(Insert("last"), [&](absl::Status) { done = true; });
  writer_.reset();
  EXPECT_TRUE(done);
  EXPECT_EQ(CountRows(), 1);
}

class Recorder : public EventListener {
 public:
  void OnEvents(JobId job, absl::Span<const v1::Event> events) override {
    for (const auto& event : events) heard.emplace_back(job, event.step());
  }
  std::vector<std::pair<JobId, int64_t>> heard;
};

TEST_F(WriterTest, ListenersHearOfEventsBeforeTheAnswer) {
  Recorder recorder;
  writer_->AddListener(&recorder);
  ASSERT_TRUE(writer_
                  ->Run([](WriteTransaction& transaction) {
                    for (int i = 1; i <= 3; ++i) {
                      v1::Event event;
                      event.set_step(i);
                      transaction.Emit(i == 3 ? 8 : 7, event);
                    }
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_THAT(recorder.heard,
              ::testing::ElementsAre(std::pair(7, 1), std::pair(7, 2),
                                     std::pair(8, 3)));
  writer_->RemoveListener(&recorder);
}

}  // namespace
}  // namespace atelier::server
