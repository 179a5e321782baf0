#include "trainer/checkpoint/safetensors_reader.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/atomic_file.h"

namespace atelier::trainer {
namespace {

using atelier::testing::TempDir;
using ::testing::HasSubstr;

// A file of this header and so many bytes of data, each its own place.
std::string FileOf(const std::string& header, int data_bytes) {
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i) {
    file[i] = static_cast<char>(header.size() >> (8 * i) & 0xFF);
  }
  file += header;
  for (int i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

std::string ErrorOf(const std::string& file) {
  const auto header = ReadSafetensorsHeader(file);
  return header.ok() ? "" : std::string(header.status().message());
}

TEST(SafetensorsReaderTest, ReadsNamesShapesTypesAndMetadata) {
  const auto header = ReadSafetensorsHeader(
      FileOf(R"({"__metadata__":{"k":"v"},)"
             R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},)"
             R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}   )",
             12));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->metadata.at("k"), "v");
  EXPECT_EQ(header->tensors.at("a").dtype, torch::kBFloat16);
  EXPECT_EQ(header->tensors.at("b").shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(header->tensors.at("b").size_bytes, 8);
}

TEST(SafetensorsReaderTest, ScalarsAndEmptyTensorsAreTensors) {
  const auto header = ReadSafetensorsHeader(
      FileOf(R"({"s":{"dtype":"U8","shape":[],"data_offsets":[0,1]},)"
             R"("e":{"dtype":"F32","shape":[0,3],"data_offsets":[1,1]}})",
             1));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors.at("s").size_bytes, 1);
  EXPECT_EQ(header->tensors.at("e").size_bytes, 0);
}

TEST(SafetensorsReaderTest, WhatIsMalformedIsSaidWithItsTensor) {
  const auto entry = [](const std::string& fields) {
    return FileOf(absl::StrCat(R"({"w":{)", fields, "}}"), 8);
  };
  EXPECT_THAT(ErrorOf(FileOf("[]", 0)), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(ErrorOf(FileOf("{", 0)), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(FileOf(R"({"w":null})", 0)),
              HasSubstr("entry 'w' is null, expected an object"));
  EXPECT_THAT(
      ErrorOf(entry(R"("dtype":"F24","shape":[2],"data_offsets":[0,8])")),
      HasSubstr("tensor 'w': dtype 'F24' is unknown; known are BOOL"));
  EXPECT_THAT(
      ErrorOf(entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])")),
      HasSubstr("needs 12 bytes, data_offsets give 8"));
  EXPECT_THAT(
      ErrorOf(entry(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])")),
      HasSubstr("shape holds the number -2"));
  EXPECT_THAT(
      ErrorOf(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0.5,8])")),
      HasSubstr("data_offsets hold the number 0.5"));
  EXPECT_THAT(ErrorOf(entry(R"("dtype":"F32","shape":[2],"shape":[2],)"
                            R"("data_offsets":[0,8])")),
              HasSubstr("two fields 'shape'"));
  EXPECT_THAT(ErrorOf(entry(R"("dtype":"F32","shape":[[2]])")),
              HasSubstr("shape holds a list"));
  EXPECT_THAT(ErrorOf(entry(R"("dtype":"F32","shape":[1],)"
                            R"("data_offsets":[0,4])")),
              HasSubstr("the tensors end at byte 4 of 8"));
  EXPECT_THAT(ErrorOf(entry(R"("dtype":"F32","shape":[4294967296,4294967296],)"
                            R"("data_offsets":[0,8])")),
              HasSubstr("more bytes than 2^63"));
}

TEST(SafetensorsReaderTest, ATensorThatIsNotAlignedIsReadAllTheSame) {
  const TempDir dir;
  // A header of odd length: no float stands on a multiple of four.
  const std::string header =
      R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} )";
  for (int padding = 0; padding < 4; ++padding) {
    const std::string path = dir.File(absl::StrCat(padding));
    ASSERT_TRUE(
        WriteFileAtomically(path, FileOf(header + std::string(padding, ' '), 8))
            .ok());
    const auto file = SafetensorsFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    const Tensor bytes = (*file)->Read("w")->clone().view(torch::kUInt8);
    EXPECT_TRUE(bytes.equal(torch::arange(8, torch::kUInt8)));
  }
}

TEST(SafetensorsReaderTest, AViewOutlivesItsFile) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir.File("f"),
                                  FileOf(R"({"w":{"dtype":"U8","shape":[4],)"
                                         R"("data_offsets":[0,4]}})",
                                         4))
                  .ok());
  Tensor view;
  {
    const auto file = SafetensorsFile::Open(dir.File("f"));
    ASSERT_TRUE(file.ok()) << file.status();
    view = (*file)->Read("w").value();
  }
  std::filesystem::remove(dir.File("f"));
  EXPECT_TRUE(view.equal(torch::arange(4, torch::kUInt8)));
}

TEST(SafetensorsReaderTest, AnUnknownNameIsNotFound) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir.File("f"), FileOf("{}", 0)).ok());
  const auto file = SafetensorsFile::Open(dir.File("f"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->Read("w").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace atelier::trainer
