#include "trainer/tensor/catch_torch.h"

#include <stdexcept>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CatchTorchTest, AStatusPassesThrough) {
  EXPECT_TRUE(CatchTorch([] { return absl::OkStatus(); }).ok());
  const absl::Status status =
      CatchTorch([] { return absl::NotFoundError("no file"); });
  EXPECT_EQ(status, absl::NotFoundError("no file"));
}

TEST(CatchTorchTest, AValuePassesThrough) {
  const auto value = CatchTorchOr([]() -> absl::StatusOr<int> { return 3; });
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, 3);
}

TEST(CatchTorchTest, AWrongShapeIsInternalWithoutABacktrace) {
  const absl::Status status = CatchTorch([]() -> absl::Status {
    torch::zeros({2, 3}).matmul(torch::zeros({2, 3}));
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("2x3"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("frame #")));
  EXPECT_THAT(TorchErrorDetails(status), HasSubstr("2x3"));
}

TEST(CatchTorchTest, HostMemoryRunningOutSaysHowMuchWasAsked) {
  const auto tensor = CatchTorchOr([]() -> absl::StatusOr<Tensor> {
    return torch::empty({int64_t{1} << 50}, torch::kUInt8);
  });
  EXPECT_EQ(tensor.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(tensor.status().message()),
              HasSubstr("could not allocate 1125899906842624 bytes"));
}

TEST(CatchTorchTest, OtherExceptionsAreUnknown) {
  const absl::Status status = CatchTorch(
      []() -> absl::Status { throw std::runtime_error("surprise"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(std::string(status.message()), HasSubstr("surprise"));
}

TEST(CatchTorchTest, AnAllocationThatFailsIsMemoryRunningOut) {
  const absl::Status status =
      CatchTorch([]() -> absl::Status { throw std::bad_alloc(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace atelier::trainer
