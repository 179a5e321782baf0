// Golden values of the reference implementations, for tests of numbers.
//
// They come from the folder in the environment variable ATELIER_ORACLE_DIR, or
// else from the archive in tests/goldens, which the build unpacks. Sizes are
// read off the tensors: any folder of the same form will do.
#pragma once

#include <map>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "trainer/tensor/torch.h"

namespace atelier::trainer::testing {

// Absolute path of a fixture, `sd1/text.safetensors`.
std::string OraclePath(const std::string& name);
bool HasOracle(const std::string& name);

// Every tensor of a fixture, in memory of its own. Aborts the test program when
// it cannot be read.
std::map<std::string, Tensor> LoadOracle(const std::string& name);
nlohmann::json LoadOracleJson(const std::string& name);

// |actual - expected|₂ / |expected|₂ <= rel and max|actual - expected| /
// max|expected| <= max. The failure prints both errors, and the worst element
// with its index and both values. Not-finite values must stand in the same
// places and be equal there.
::testing::AssertionResult IsNear(const Tensor& actual, const Tensor& expected,
                                  double rel, double max);

}  // namespace atelier::trainer::testing

#define EXPECT_TENSOR_NEAR(actual, expected, rel, max) \
  EXPECT_TRUE(::atelier::trainer::testing::IsNear(actual, expected, rel, max))
