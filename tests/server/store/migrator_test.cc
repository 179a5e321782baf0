#include "server/store/migrator.h"

#include <fstream>

#include "server/store/backup.h"
#include "server/store/state_store.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;

constexpr int32_t kOurs = 77;
constexpr Migration kTwo[] = {{1, "0001_a", "CREATE TABLE a (x) ;"},
                              {2, "0002_b", "CREATE TABLE b (x) ;"}};

class MigratorTest : public ::testing::Test {
 protected:
  std::unique_ptr<Connection> Open() {
    auto opened =
        Connection::OpenWriter(folder_.File("x.db"), Durability::kFull);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  absl::Status Run(absl::Span<const Migration> migrations) {
    return Migrate(*Open(), migrations, absl::UnixEpoch(),
                   {kOurs, [this](int old_version) {
                      backed_up_.push_back(old_version);
                      return absl::OkStatus();
                    }});
  }

  atelier::testing::TempDir folder_;
  std::vector<int> backed_up_;
};

TEST_F(MigratorTest, EmptyDatabaseGetsEverything) {
  ASSERT_TRUE(Run(kTwo).ok());
  auto db = Open();
  EXPECT_EQ(db->ReadInt("PRAGMA user_version"), 2);
  EXPECT_EQ(db->ReadInt("SELECT COUNT(*) FROM schema_migrations"), 2);
  EXPECT_EQ(db->ReadInt("SELECT COUNT(*) FROM b"), 0);
  EXPECT_TRUE(backed_up_.empty());
}

TEST_F(MigratorTest, MissingOnesAreAddedAfterABackup) {
  ASSERT_TRUE(Run(absl::MakeSpan(kTwo).first(1)).ok());
  ASSERT_TRUE(Run(kTwo).ok());
  ASSERT_TRUE(Run(kTwo).ok());
  EXPECT_EQ(backed_up_, std::vector<int>{1});
  EXPECT_EQ(Open()->ReadInt("PRAGMA user_version"), 2);
}

TEST_F(MigratorTest, NewerDatabaseIsRefused) {
  ASSERT_TRUE(Run(kTwo).ok());
  const absl::Status status = Run(absl::MakeSpan(kTwo).first(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("schema 2"));
}

TEST_F(MigratorTest, ChangedMigrationIsRefused) {
  ASSERT_TRUE(Run(kTwo).ok());
  Migration changed[] = {kTwo[0], kTwo[1]};
  changed[0].sql = "CREATE TABLE a (x, y) ;";
  EXPECT_THAT(Run(changed).message(), HasSubstr("migration 1"));
}

TEST_F(MigratorTest, FailedMigrationLeavesTheOneBefore) {
  Migration broken[] = {kTwo[0], kTwo[1]};
  broken[1].sql = "CREATE TABLE b (x) ; CREATE TABLE a (x) ;";
  EXPECT_FALSE(Run(broken).ok());
  auto db = Open();
  EXPECT_EQ(db->ReadInt("PRAGMA user_version"), 1);
  EXPECT_EQ(db->ReadInt("SELECT COUNT(*) FROM sqlite_schema "
                        "WHERE name = 'b'"),
            0);
  db.reset();
  EXPECT_TRUE(Run(kTwo).ok());
}

TEST_F(MigratorTest, DatabaseOfAnotherProgramIsRefused) {
  Open()->Execute("CREATE TABLE theirs (x)");
  EXPECT_THAT(Run(kTwo).message(), HasSubstr("another program"));
}

class StateStoreTest : public testing::StateTest {};

TEST_F(StateStoreTest, SecondDaemonIsRefused) {
  const auto second = OpenStateStore({folder_.path()}, clock_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr("another atelierd"));
}

TEST_F(StateStoreTest, DamagedDatabaseIsRefused) {
  for (int i = 0; i < 50; ++i) Submit();
  state_.reset();
  {
    std::fstream file(folder_.File("atelier.db"),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file << std::string(60000, 'x');
  }
  const auto opened = OpenStateStore({folder_.path()}, clock_);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss)
      << opened.status();
}

TEST_F(StateStoreTest, BackupIsAWholeCopy) {
  const JobId id = Submit();
  const std::string path = folder_.File("copy/atelier.db");
  std::filesystem::create_directory(folder_.File("copy"));
  ASSERT_TRUE(state_->Backup(path).ok());
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  auto copy = OpenStateStore({folder_.File("copy")}, clock_);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_TRUE((*copy)->jobs().ReadJob(id).ok());
}

TEST_F(StateStoreTest, BackupThatFailsLeavesNothing) {
  const std::string path = folder_.File("nowhere/atelier.db");
  EXPECT_FALSE(state_->Backup(path).ok());
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

}  // namespace
}  // namespace atelier::server
