// Latents kept in sd-scripts' files, and what dead writers leave.
#include "trainer/data/latent_store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/data/latent_cache_fixture.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/data/npz/npy.h"
#include "trainer/data/npz/npz_file.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::LatentCacheTest;

class NpzCacheTest : public LatentCacheTest {
 protected:
  NpzCacheTest() {
    options_.to_disk = true;
    options_.npz.emplace();
    options_.npz->suffix = "_sdxl.npz";
    options_.npz->channels = 2;
  }

  std::vector<fs::path> NpzFiles() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(data_.folder())) {
      if (entry.path().extension() == ".npz") files.push_back(entry.path());
    }
    return files;
  }

  // Makes npz files as sd-scripts has them, with these latents in the place of
  // what was encoded.
  void WriteUnproven(double factor = 1) {
    options_.writes_npz = true;
    ASSERT_TRUE(Make().ok());
    for (const fs::path& path : NpzFiles()) {
      auto entries = NpzFile::Open(path.string())->Entries().value();
      for (auto& [name, bytes] : entries) {
        if (name.find("latents") == std::string::npos) continue;
        bytes =
            FormatNpy(ParseNpy(bytes).value() * factor + (1 - factor)).value();
      }
      ASSERT_TRUE(WriteNpz(path.string(), entries, "").ok());
    }
    options_.writes_npz = false;
  }
};

TEST_F(NpzCacheTest, FilesInSdScriptsLayoutServeTheNextRun) {
  options_.writes_npz = true;
  const auto first = Make();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(NpzFiles().size(), 8u);
  EXPECT_FALSE(fs::exists(data_.folder() + "/.atelier_latents"));
  options_.seed = 4;  // the files hold the draw of the seed that made them
  const auto second = Make();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(encoded_, 0);
  EXPECT_EQ((*second)->report().read_from_npz, 8);
  EXPECT_EQ((*second)->report().taken_on_trust, 0);
  ExpectSame(LatentsOf(**second), LatentsOf(**first));
}

TEST_F(NpzCacheTest, BothFormatsTrainOnTheSameLatents) {
  const auto own = Make();
  fs::remove_all(data_.folder() + "/.atelier_latents");
  options_.writes_npz = true;
  const auto npz = Make();
  ASSERT_TRUE(npz.ok()) << npz.status();
  ExpectSame(LatentsOf(**npz), LatentsOf(**own));
}

TEST_F(NpzCacheTest, AnEditedImageIsEncodedAgainAndItsFileRenewed) {
  options_.writes_npz = true;
  ASSERT_TRUE(Make().ok());
  testing::WritePicture(data_.folder() + "/d.png", 128, 128, 77);
  const auto edited = Make();
  ASSERT_TRUE(edited.ok()) << edited.status();
  EXPECT_EQ(encoded_, 2);
  EXPECT_EQ(NpzFiles().size(), 8u);
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 0);
}

TEST_F(NpzCacheTest, FilesOfSdScriptsAreReusedAfterALookAtOneOfThem) {
  WriteUnproven();
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(encoded_, 1);
  EXPECT_EQ((*cache)->report().encoded, 0);
  EXPECT_EQ((*cache)->report().taken_on_trust, 8);
  EXPECT_TRUE((*cache)->report().warnings.empty());
}

TEST_F(NpzCacheTest, FilesOfAnotherAutoencoderAreNotUsed) {
  WriteUnproven(/*factor=*/-4);
  options_.threads = 2;
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ((*cache)->report().encoded, 8);
  EXPECT_EQ((*cache)->report().taken_on_trust, 0);
  ASSERT_EQ((*cache)->report().warnings.size(), 1u);
  EXPECT_THAT((*cache)->report().warnings[0],
              HasSubstr("not what the autoencoder makes"));
  options_.skip_check = true;
  fs::remove_all(data_.folder() + "/.atelier_latents");
  EXPECT_EQ((*Make())->report().taken_on_trust, 8);
}

TEST_F(NpzCacheTest, FilesOfOurOwnGoFirst) {
  const auto own = Make();
  WriteUnproven(/*factor=*/0.5);
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(encoded_, 0);
  EXPECT_EQ((*cache)->report().read_from_npz, 0);
  ExpectSame(LatentsOf(**cache), LatentsOf(**own));
}

TEST_F(NpzCacheTest, ADamagedFileIsNamedAndReplaced) {
  options_.writes_npz = true;
  ASSERT_TRUE(Make().ok());
  const fs::path victim = NpzFiles().front();
  fs::resize_file(victim, fs::file_size(victim) / 2);
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  ASSERT_EQ((*cache)->report().warnings.size(), 1u);
  EXPECT_THAT((*cache)->report().warnings[0], HasSubstr(victim.string()));
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 0);
}

TEST_F(NpzCacheTest, AWriterThatWasKilledLeavesNoEntry) {
  for (const bool writes_npz : {false, true}) {
    options_.writes_npz = writes_npz;
    ASSERT_TRUE(Make().ok());
    const fs::path victim = writes_npz ? NpzFiles().front() : Files().front();
    const std::string bytes = testing::ReadBytes(victim.string());
    fs::remove(victim);
    const pid_t child = fork();
    if (child == 0) {
      auto file = AtomicFile::Create(victim.string());
      (void)file->Write(bytes.substr(0, bytes.size() / 2));
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_FALSE(fs::exists(victim));
    const auto cache = Make();
    ASSERT_TRUE(cache.ok()) << cache.status();
    EXPECT_GT(encoded_, 0);
    EXPECT_TRUE((*cache)->report().warnings.empty());
    EXPECT_EQ(testing::ReadBytes(victim.string()).size(), bytes.size());
    for (const auto& entry : fs::directory_iterator(victim.parent_path())) {
      EXPECT_NE(entry.path().extension(), ".partial");
    }
  }
}

}  // namespace
}  // namespace atelier::trainer
