#include "server/run/journal.h"

#include <zlib.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class JournalTest : public ::testing::Test {
 protected:
  static std::string Number(uLong value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<char>(value >> (8 * i)));
    return bytes;
  }

  static std::string Record(int64_t sequence) {
    v1::Event event;
    event.set_worker_sequence(sequence);
    event.set_step(sequence * 10);
    std::string payload = event.SerializeAsString();
    uLong checksum = crc32(0, reinterpret_cast<const Bytef*>(payload.data()),
                           static_cast<uInt>(payload.size()));
    return Number(payload.size()) + Number(checksum) + payload;
  }

  // Sequences in each batch that is read.
  std::vector<std::vector<int64_t>> Read(const std::string& bytes,
                                         size_t batch_size = 2) {
    testing::WriteText(dir_.File("journal"), bytes);
    std::vector<std::vector<int64_t>> batches;
    absl::Status status =
        ReadJournal(dir_.File("journal"), batch_size, [&](auto events) {
          auto& batch = batches.emplace_back();
          for (const v1::Event& event : events)
            batch.push_back(event.worker_sequence());
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return batches;
  }

  testing::TempDir dir_;
  const std::string magic_ = "ATLJRNL1";
};

TEST_F(JournalTest, EventsComeInOrderInBatches) {
  EXPECT_THAT(Read(magic_ + Record(1) + Record(2) + Record(3)),
              ElementsAre(ElementsAre(1, 2), ElementsAre(3)));
}

TEST_F(JournalTest, TornRecordCountsAsNeverWritten) {
  std::string whole = magic_ + Record(1) + Record(2);
  for (size_t cut = 1; cut <= Record(2).size(); ++cut)
    EXPECT_THAT(Read(whole.substr(0, whole.size() - cut)),
                ElementsAre(ElementsAre(1)));
}

TEST_F(JournalTest, DamageEndsTheJournal) {
  std::string damaged = magic_ + Record(1) + Record(2) + Record(3);
  damaged[magic_.size() + Record(1).size() + 9] ^= 1;
  EXPECT_THAT(Read(damaged), ElementsAre(ElementsAre(1)));
  EXPECT_THAT(Read(magic_ + Record(1) + Record(3)),
              ElementsAre(ElementsAre(1)));
  EXPECT_THAT(Read(magic_ + Number(0xffffffff) + "xx"), IsEmpty());
}

TEST_F(JournalTest, FileThatIsNoJournalHasNoEvents) {
  EXPECT_THAT(Read(""), IsEmpty());
  EXPECT_THAT(Read("ATLJRNL2" + Record(1)), IsEmpty());
  EXPECT_TRUE(ReadJournal(dir_.File("none"), 1, nullptr).ok());
}

}  // namespace
}  // namespace atelier::server
