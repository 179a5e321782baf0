// Pickles and archives are written here instruction by instruction, so that
// they can be read.
#include "trainer/checkpoint/torch_save/torch_file.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/torch_save/unpickler.h"
#include "trainer/checkpoint/torch_save/zip_archive.h"

namespace atelier::trainer {
namespace {

using atelier::testing::TempDir;
using ::testing::HasSubstr;

// A little-endian number of so many bytes.
std::string Bytes(uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<char>(value & 0xFF));
    value >>= 8;
  }
  return bytes;
}
std::string Text(const std::string& text) {
  return "X" + Bytes(text.size(), 4) + text;
}
std::string Int(int value) { return "K" + Bytes(value, 1); }
std::string Global(const std::string& name) {
  const size_t dot = name.rfind('.');
  return "c" + name.substr(0, dot) + "\n" + name.substr(dot + 1) + "\n";
}
const std::string kProtocol("\x80\x02", 2);

// torch._utils._rebuild_tensor_v2(storage, offset, (rows, columns), strides,
// False, OrderedDict())
std::string TensorOf(const std::string& key, int elements, int offset, int rows,
                     int columns) {
  return Global("torch._utils._rebuild_tensor_v2") + "((" + Text("storage") +
         Global("torch.FloatStorage") + Text(key) + Text("cpu") +
         Int(elements) + "tQ" + Int(offset) + Int(rows) + Int(columns) +
         "\x86" + Int(columns) + Int(1) + "\x86" + "\x89" +
         Global("collections.OrderedDict") + ")R" + "tR";
}
std::string DictOf(
    const std::vector<std::pair<std::string, std::string>>& items) {
  std::string pickle = "}(";
  for (const auto& [name, value] : items) pickle += Text(name) + value;
  return pickle + "u";
}

// A zip archive of stored entries.
std::string ZipOf(
    const std::vector<std::pair<std::string, std::string>>& files) {
  std::string zip;
  std::string directory;
  for (const auto& [name, contents] : files) {
    const std::string sizes = Bytes(0, 4) + Bytes(contents.size(), 4) +
                              Bytes(contents.size(), 4) +
                              Bytes(name.size(), 2) + Bytes(0, 2);
    directory += "PK\x01\x02" + Bytes(0, 4) + Bytes(0, 2) + Bytes(0, 2) +
                 Bytes(0, 4) + sizes + Bytes(0, 10) + Bytes(zip.size(), 4) +
                 name;
    zip += "PK\x03\x04" + Bytes(0, 10) + sizes + name + contents;
  }
  const size_t begin = zip.size();
  return zip + directory + "PK\x05\x06" + Bytes(0, 4) + Bytes(files.size(), 2) +
         Bytes(files.size(), 2) + Bytes(directory.size(), 4) + Bytes(begin, 4) +
         Bytes(0, 2);
}

std::string Floats(std::vector<float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * 4};
}

class TorchFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<CheckpointSource>> Open(
      const std::string& contents) {
    EXPECT_TRUE(WriteFileAtomically(dir_.File("m.ckpt"), contents).ok());
    return OpenCheckpoint(dir_.File("m.ckpt"));
  }
  std::string ErrorOf(const std::string& contents) {
    return std::string(Open(contents).status().message());
  }

  TempDir dir_;
};

TEST_F(TorchFileTest, TensorsOfAnArchiveAreReadWithTheirStridesAndOffsets) {
  // Padding of one to four bytes before the contents: aligned or not, all the
  // same.
  for (int padding = 1; padding <= 4; ++padding) {
    const auto file =
        Open(ZipOf({{"m/data.pkl", kProtocol +
                                       DictOf({{"w", TensorOf("0", 5, 1, 2, 2)},
                                               {"epoch", Int(3)}}) +
                                       "."},
                    {std::string(padding, 'p'), ""},
                    {"m/data/0", Floats({9, 1, 2, 3, 4})}}));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_EQ((*file)->index().size(), 1u);
    EXPECT_TRUE((*file)->Read("w")->equal(
        torch::tensor({1.0f, 2.0f, 3.0f, 4.0f}).view({2, 2})));
  }
}

TEST_F(TorchFileTest, AnOuterStateDictIsTakenOff) {
  const auto file =
      Open(ZipOf({{"m/data.pkl",
                   kProtocol +
                       DictOf({{"global_step", Int(3)},
                               {"state_dict",
                                DictOf({{"w", TensorOf("0", 1, 0, 1, 1)}})}}) +
                       "."},
                  {"m/data/0", Floats({5})}}));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->index().count("w"), 1u);
}

std::string LegacyOf(const std::string& object, const std::string& tail) {
  const std::string magic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
                          12);
  return kProtocol + magic + "." + kProtocol + "M" + Bytes(1001, 2) + "." +
         kProtocol + "}" + Text("little_endian") + "\x88" + "s." + kProtocol +
         object + "." + kProtocol + "]" + Text("77") + "a." + tail;
}

TEST_F(TorchFileTest, TheLegacyFormIsReadToo) {
  const std::string object = DictOf({{"w", TensorOf("77", 2, 0, 2, 1)}});
  const auto file = Open(LegacyOf(object, Bytes(2, 8) + Floats({1, 2})));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(
      (*file)->Read("w")->equal(torch::tensor({1.0f, 2.0f}).view({2, 1})));
  EXPECT_THAT(ErrorOf(LegacyOf(object, Bytes(2, 8) + Floats({1}))),
              HasSubstr("storage '77' are cut off"));
}

std::string ArchiveOf(const std::string& pickle) {
  return ZipOf(
      {{"m/data.pkl", kProtocol + pickle}, {"m/data/0", Floats({1, 2})}});
}

TEST_F(TorchFileTest, CallsOfAnythingElseAreRefusedByName) {
  EXPECT_THAT(ErrorOf(ArchiveOf(Global("os.system") + Text("true") + "\x85R.")),
              HasSubstr("its pickle wants to call os.system"));
  EXPECT_THAT(ErrorOf(ArchiveOf(Text("builtins") + Text("eval") + "\x93)R.")),
              HasSubstr("wants to call builtins.eval"));
  // NEWOBJ, INST, OBJ and extensions are no instructions here.
  for (const char* code : {"\x81", "i", "o", "\x82"}) {
    EXPECT_THAT(ErrorOf(ArchiveOf(Global("os.system") + ")" + code + ".")),
                HasSubstr("none of those that tensors"));
  }
  EXPECT_THAT(ErrorOf(ArchiveOf(Global("os.system") + "}b.")),
              HasSubstr("sets the state of an object"));
}

TEST_F(TorchFileTest, AClassThatIsOnlyMentionedDoesNoHarm) {
  const auto file =
      Open(ArchiveOf("}(" + Text("w") + TensorOf("0", 2, 0, 1, 2) +
                     Global("some.Callback") + Int(1) + "u."));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->index().size(), 1u);
}

TEST_F(TorchFileTest, TensorsBeyondTheirStorageAreRefused) {
  EXPECT_THAT(
      ErrorOf(ArchiveOf(DictOf({{"w", TensorOf("0", 2, 1, 1, 2)}}) + ".")),
      HasSubstr("reaches to element 3 of 2 in storage '0'"));
  EXPECT_THAT(
      ErrorOf(ArchiveOf(DictOf({{"w", TensorOf("0", 3, 0, 1, 3)}}) + ".")),
      HasSubstr("storage '0' has 8 bytes, expected 3 x 4"));
}

TEST_F(TorchFileTest, ASmallStorageMayNotStandForALargeTensor) {
  // Strides of zero: each of 200 elements is the same one.
  std::string tensor = TensorOf("0", 2, 0, 200, 1);
  const std::string strides = Int(1) + Int(1) + "\x86\x89";
  tensor.replace(tensor.find(strides), strides.size(),
                 Int(0) + Int(0) + "\x86\x89");
  EXPECT_THAT(ErrorOf(ArchiveOf(DictOf({{"w", tensor}}) + ".")),
              HasSubstr("200 elements in a storage of 2"));
}

TEST_F(TorchFileTest, MalformedPicklesAreRefused) {
  for (const std::string& pickle :
       {std::string("a."), std::string("t."), std::string("."),
        std::string("}(" + Int(1) + "u."), std::string("h\x05."),
        std::string("X\xff\xff\xff\x7f"), std::string("cos"),
        std::string("(0."), std::string("")}) {
    EXPECT_THAT(ErrorOf(ArchiveOf(pickle)), HasSubstr("m.ckpt cannot be used"));
  }
}

TEST_F(TorchFileTest, CopiesOfCopiesAreBounded) {
  // A list of pairs that is handed to OrderedDict again and again.
  std::string pickle = "](";
  for (int i = 0; i < 2000; ++i) pickle += "NN\x86";
  pickle += "e\x85q";
  pickle += '\0';
  for (int i = 0; i < 2000; ++i) {
    pickle +=
        Global("collections.OrderedDict") + "h" + std::string(1, '\0') + "R";
  }
  EXPECT_THAT(ErrorOf(ArchiveOf(pickle + ".")),
              HasSubstr("dictionaries are too large"));
}

TEST_F(TorchFileTest, MalformedArchivesAreRefused) {
  const std::string good = ArchiveOf("}.");
  std::string compressed = good;
  const size_t directory = compressed.find("PK\x01\x02");
  compressed[directory + 10] = 8;
  EXPECT_THAT(ErrorOf(compressed), HasSubstr("is compressed"));
  std::string moved = good;
  moved[directory + 42] = 5;
  EXPECT_THAT(ErrorOf(moved), HasSubstr("not where the directory says"));
  EXPECT_THAT(ErrorOf(ZipOf({{"a", ""}, {"a", ""}})),
              HasSubstr("stands twice"));
  EXPECT_THAT(ErrorOf(ZipOf({{"a/b", "x"}})), HasSubstr("no data.pkl"));
  EXPECT_THAT(ErrorOf(ZipOf(
                  {{"m/data.pkl", kProtocol + "}."}, {"m/byteorder", "big"}})),
              HasSubstr("big-endian"));
}

// Every prefix of a file, and the file with every byte changed, must end in a
// value or an error.
TEST_F(TorchFileTest, DamageOfAnyByteIsSurvived) {
  const std::string good =
      ArchiveOf(DictOf({{"w", TensorOf("0", 2, 0, 1, 2)}}) + ".");
  const auto read = [&](const std::string& contents) {
    ASSERT_TRUE(WriteFileAtomically(dir_.File("m.ckpt"), contents).ok());
    const auto file = OpenCheckpoint(dir_.File("m.ckpt"));
    if (!file.ok()) return;
    for (const auto& [name, info] : (*file)->index()) {
      const auto tensor = (*file)->Read(name);
      if (tensor.ok()) tensor->clone();
    }
  };
  for (size_t i = 0; i < good.size(); ++i) {
    read(good.substr(0, i));
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 0xFF);
    read(changed);
  }
}

}  // namespace
}  // namespace atelier::trainer
