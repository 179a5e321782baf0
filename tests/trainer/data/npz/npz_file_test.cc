#include "trainer/data/npz/npz_file.h"

#include <zlib.h>

#include <cstring>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/npz/npy.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;
using testing::ReadBytes;
using testing::WriteText;

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string Deflated(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Puts a number over the bytes at `at`.
template <typename T>
void Overwrite(std::string& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

class NpzFileTest : public ::testing::Test {
 protected:
  std::string Path() const { return dir_.File("a.npz"); }

  void Write(const std::map<std::string, Tensor>& arrays,
             const std::string& comment = "") {
    std::map<std::string, std::string> entries;
    for (const auto& [name, array] : arrays) {
      entries[NpzEntryName(name)] = FormatNpy(array).value();
    }
    const absl::Status status = WriteNpz(Path(), entries, comment);
    ASSERT_TRUE(status.ok()) << status;
  }

  // One array `x`, deflated, of `claimed` bytes.
  void WriteDeflated(const std::string& npy, uint32_t claimed) {
    Write({{"x", torch::zeros({1})}});
    std::string bytes = ReadBytes(Path());
    const size_t contents = 30 + 5 + 20;
    const size_t directory = bytes.find("PK\x01\x02");
    const std::string packed = Deflated(npy);
    std::string tail = bytes.substr(directory);
    Overwrite<uint16_t>(tail, 10, 8);
    Overwrite<uint32_t>(tail, 16,
                        static_cast<uint32_t>(
                            crc32(0, reinterpret_cast<const Bytef*>(npy.data()),
                                  static_cast<uInt>(npy.size()))));
    Overwrite<uint32_t>(tail, 20, static_cast<uint32_t>(packed.size()));
    Overwrite<uint32_t>(tail, 24, claimed);
    Overwrite<uint32_t>(tail, tail.size() - 6,
                        static_cast<uint32_t>(contents + packed.size()));
    WriteText(Path(), bytes.substr(0, contents) + packed + tail);
  }

  std::string ErrorOf(const std::string& array) {
    const auto file = NpzFile::Open(Path());
    if (!file.ok()) return std::string(file.status().message());
    const auto read = file->Read(array);
    return read.ok() ? "no error" : std::string(read.status().message());
  }

  atelier::testing::TempDir dir_;
};

// numpy.savez(f, x=numpy.array([1, 2], numpy.uint8)), byte for byte.
constexpr char kByNumpy[] =
    "504b03042d0000000000000021006202655fffffffffffffffff05001400782e6e707901"
    "00100082000000000000008200000000000000934e554d5059010076007b276465736372"
    "273a20277c7531272c2027666f727472616e5f6f72646572273a2046616c73652c202773"
    "68617065273a2028322c292c207d20202020202020202020202020202020202020202020"
    "202020202020202020202020202020202020202020202020202020202020202020202020"
    "20200a0102504b01022d032d0000000000000021006202655f8200000082000000050000"
    "000000000000000000800100000000782e6e7079504b0506000000000100010033000000"
    "b90000000000";

TEST_F(NpzFileTest, AFileIsByteForByteWhatNumpyWrites) {
  Write({{"x", torch::tensor({1, 2}, torch::kUInt8)}});
  EXPECT_EQ(ReadBytes(Path()), FromHex(kByNumpy));
}

TEST_F(NpzFileTest, ReadsWhatNumpyWrote) {
  WriteText(Path(), FromHex(kByNumpy));
  const auto file = NpzFile::Open(Path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->Has("x"));
  EXPECT_FALSE(file->Has("x.npy"));
  EXPECT_TRUE(
      file->Read("x").value().equal(torch::tensor({1, 2}, torch::kUInt8)));
  EXPECT_TRUE(absl::IsNotFound(file->Read("y").status()));
}

TEST_F(NpzFileTest, ArraysAndCommentComeBack) {
  const Tensor a = torch::randn({4, 3, 2});
  Write({{"a", a}, {"flag", torch::tensor(true)}}, "made here");
  const auto file = NpzFile::Open(Path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->comment(), "made here");
  EXPECT_TRUE(file->Read("a").value().equal(a));
  EXPECT_EQ(file->Read("flag").value().dim(), 0);
  const auto entries = file->Entries();
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->at("a.npy"), FormatNpy(a).value());
}

TEST_F(NpzFileTest, CompressedArraysAreRead) {
  const Tensor x = torch::zeros({64, 64});
  const std::string npy = FormatNpy(x).value();
  WriteDeflated(npy, static_cast<uint32_t>(npy.size()));
  const auto file = NpzFile::Open(Path());
  ASSERT_TRUE(file.ok()) << file.status();
  const auto read = file->Read("x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->equal(x));
}

TEST_F(NpzFileTest, SizesOfPackedArraysThatLieAreRefused) {
  const std::string npy = FormatNpy(torch::zeros({64, 64})).value();
  WriteDeflated(npy, static_cast<uint32_t>(npy.size()) + 1);
  EXPECT_THAT(ErrorOf("x"), HasSubstr("does not unpack"));
  WriteDeflated(npy, static_cast<uint32_t>(npy.size()) - 1);
  EXPECT_THAT(ErrorOf("x"), HasSubstr("does not unpack"));
  WriteDeflated(npy, 0xFFFFFFF0u);
  EXPECT_THAT(ErrorOf("x"), HasSubstr("claims to be 4294967280 bytes"));
  WriteDeflated(npy, 200'000'000u);
  EXPECT_THAT(ErrorOf("x"), HasSubstr("claims to be 200000000 bytes"));
}

TEST_F(NpzFileTest, ChangedBytesAreNoticedAndNamed) {
  Write({{"x", torch::arange(8, torch::kFloat32)}});
  std::string bytes = ReadBytes(Path());
  bytes[bytes.find("PK\x01\x02") - 1] ^= 1;
  WriteText(Path(), bytes);
  const std::string error = ErrorOf("x");
  EXPECT_THAT(error, HasSubstr(Path()));
  EXPECT_THAT(error, HasSubstr("checksum"));
}

TEST_F(NpzFileTest, EveryCutOffFileIsAnErrorThatNamesIt) {
  Write({{"x", torch::arange(8, torch::kFloat32)}});
  const std::string whole = ReadBytes(Path());
  for (size_t size = 0; size < whole.size(); ++size) {
    WriteText(Path(), whole.substr(0, size));
    const auto file = NpzFile::Open(Path());
    ASSERT_FALSE(file.ok()) << size;
    EXPECT_TRUE(absl::IsDataLoss(file.status())) << file.status();
    EXPECT_THAT(std::string(file.status().message()), HasSubstr(Path()));
  }
  std::filesystem::remove(Path());
  EXPECT_TRUE(absl::IsNotFound(NpzFile::Open(Path()).status()));
}

TEST_F(NpzFileTest, NoChangedByteCrashes) {
  Write({{"x", torch::arange(3, torch::kFloat32)}, {"y", torch::tensor(1)}});
  const std::string whole = ReadBytes(Path());
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xFF);
    WriteText(Path(), bytes);
    const auto file = NpzFile::Open(Path());
    if (!file.ok()) continue;
    (void)file->Read("x");
    (void)file->Read("y");
    (void)file->Entries();
  }
}

TEST_F(NpzFileTest, WritingFailsWithThePathAndLeavesNothing) {
  const absl::Status status =
      WriteNpz(dir_.File("none/a.npz"), {{"x.npy", "1"}}, "");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("none"));
  EXPECT_FALSE(
      WriteNpz(Path(), {{"x.npy", "1"}}, std::string(70000, 'c')).ok());
  EXPECT_FALSE(std::filesystem::exists(Path()));
}

}  // namespace
}  // namespace atelier::trainer
