#include "trainer/data/npz/npy.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

// A version 1.0 array with this header text, padded as little as possible.
std::string NpyOf(const std::string& header, const std::string& elements) {
  std::string bytes = "\x93NUMPY";
  bytes += '\x01';
  bytes += '\x00';
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + elements;
}

std::string ErrorOf(const std::string& bytes) {
  const auto array = ParseNpy(bytes);
  return array.ok() ? "no error" : std::string(array.status().message());
}

TEST(NpyTest, AnArrayIsLaidOutAsNumpyDoes) {
  const auto bytes = FormatNpy(torch::arange(6, torch::kFloat32).view({2, 3}));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  EXPECT_EQ(bytes->substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(bytes->substr(10, header.size()), header);
  EXPECT_EQ(bytes->find_first_not_of(' ', 10 + header.size()), 127u);
  EXPECT_EQ((*bytes)[127], '\n');
  EXPECT_EQ(bytes->size(), 128u + 24u);
  EXPECT_EQ(bytes->substr(128 + 4, 4), std::string("\x00\x00\x80\x3f", 4));
}

TEST(NpyTest, EveryTypeAndShapeComesBackAsItWas) {
  const Tensor arrays[] = {torch::tensor(true),
                           torch::tensor(int64_t{-7}),
                           torch::zeros({0, 3}),
                           torch::randn({2, 3, 4}).to(torch::kFloat16),
                           torch::randn({5}, torch::kFloat64),
                           torch::arange(4, torch::kUInt8).view({2, 2}),
                           torch::arange(4, torch::kInt8),
                           torch::arange(4, torch::kInt16),
                           torch::arange(4, torch::kInt32).view({4, 1}),
                           torch::randn({3, 4}).t()};
  for (const Tensor& array : arrays) {
    const auto bytes = FormatNpy(array);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto read = ParseNpy(*bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->scalar_type(), array.scalar_type());
    EXPECT_EQ(read->sizes(), array.sizes());
    EXPECT_TRUE(read->equal(array));
  }
  EXPECT_FALSE(FormatNpy(torch::zeros({2}, torch::kBFloat16)).ok());
}

TEST(NpyTest, FortranOrderIsTurnedRound) {
  const auto array = ParseNpy(
      NpyOf("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n",
            std::string("\x01\x04\x02\x05\x03\x06", 6)));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE(
      array->equal(torch::tensor({{1, 2, 3}, {4, 5, 6}}, torch::kUInt8)));
  EXPECT_TRUE(array->is_contiguous());
}

TEST(NpyTest, LaterVersionsHaveALongerLength) {
  const std::string header =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
  std::string bytes = std::string("\x93NUMPY\x02\x00", 8);
  bytes += static_cast<char>(header.size());
  bytes += std::string(3, '\0') + header + "ab";
  const auto array = ParseNpy(bytes);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE(array->equal(torch::tensor({'a', 'b'}, torch::kUInt8)));
}

TEST(NpyTest, WhatIsNoArrayIsRefused) {
  const std::string order = "'fortran_order': False, ";
  EXPECT_THAT(ErrorOf("PK"), HasSubstr("numpy's mark"));
  EXPECT_THAT(ErrorOf(NpyOf("{}", "")), HasSubstr("no descr"));
  EXPECT_THAT(
      ErrorOf(NpyOf("{'descr': '>f4', " + order + "'shape': (1,), }", "abcd")),
      HasSubstr("'>f4'"));
  EXPECT_THAT(
      ErrorOf(NpyOf("{'descr': '|O', " + order + "'shape': (), }", "abcd")),
      HasSubstr("'|O'"));
  EXPECT_THAT(
      ErrorOf(NpyOf("{'descr': '<f4', " + order + "'shape': (-1,), }", "abcd")),
      HasSubstr("`-1`"));
  EXPECT_THAT(
      ErrorOf(NpyOf("{'descr': '<f4', " + order + "'shape': (2, }", "abcd")),
      HasSubstr("no end"));
  EXPECT_THAT(
      ErrorOf(NpyOf("{'descr': '<f4', " + order + "'shape': 2, }", "abcd")),
      HasSubstr("no tuple"));
  std::string cut = NpyOf(std::string(100, ' '), "");
  EXPECT_THAT(ErrorOf(cut.substr(0, 50)), HasSubstr("cut off"));
  cut[6] = 9;
  EXPECT_THAT(ErrorOf(cut), HasSubstr("version 9"));
}

TEST(NpyTest, SizesThatLieAreRefusedBeforeAnythingIsAllocated) {
  const auto sized = [](const std::string& shape) {
    return ErrorOf(NpyOf(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + shape + "), }",
        "12345678"));
  };
  EXPECT_EQ(sized("1,"), "no error");
  for (const char* shape :
       {"2,", "1000000000000,", "4294967296, 4294967296, 4294967296,",
        "9223372036854775807, 2, 2", "0,", "0, 9223372036854775807, 4"}) {
    EXPECT_THAT(sized(shape), HasSubstr("does not fit its shape")) << shape;
  }
  std::string many;
  for (int i = 0; i < 40; ++i) many += "1, ";
  EXPECT_THAT(sized(many), HasSubstr("40 axes"));
}

}  // namespace
}  // namespace atelier::trainer
