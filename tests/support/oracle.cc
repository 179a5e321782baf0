#include "tests/support/oracle.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::testing {
namespace {

std::string OracleRoot() {
  const char* folder = std::getenv("ATELIER_ORACLE_DIR");
  return folder != nullptr && *folder != '\0' ? folder : ATELIER_GOLDENS_DIR;
}

[[noreturn]] void Die(const std::string& message) {
  std::cerr << "oracle: " << message << "\n";
  std::abort();
}

std::string DescribeWorst(const Tensor& difference, const Tensor& actual,
                          const Tensor& expected) {
  int64_t flat = difference.abs().argmax().item<int64_t>();
  std::string index;
  for (int64_t dim = difference.dim() - 1, rest = flat; dim >= 0; --dim) {
    index = std::to_string(rest % difference.size(dim)) +
            (index.empty() ? "" : ", ") + index;
    rest /= difference.size(dim);
  }
  std::ostringstream text;
  text << "[" << index << "]: " << actual.flatten()[flat].item<double>()
       << ", expected " << expected.flatten()[flat].item<double>();
  return text.str();
}

// Appends `suite.test l2 max`, both relative, to the file that
// ATELIER_ORACLE_REPORT names; deviations.py makes a table of it.
void Report(double l2, double max) {
  const char* path = std::getenv("ATELIER_ORACLE_REPORT");
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  if (path == nullptr || test == nullptr) return;
  std::ofstream(path, std::ios::app)
      << test->test_suite_name() << "." << test->name() << " " << l2 << " "
      << max << "\n";
}

double Ratio(double part, double whole) { return part == 0 ? 0 : part / whole; }

}  // namespace

std::string OraclePath(const std::string& name) {
  return OracleRoot() + "/" + name;
}

bool HasOracle(const std::string& name) {
  struct stat info;
  return stat(OraclePath(name).c_str(), &info) == 0;
}

std::map<std::string, Tensor> LoadOracle(const std::string& name) {
  auto source = OpenCheckpoint(OraclePath(name));
  if (!source.ok()) Die(std::string(source.status().message()));
  std::map<std::string, Tensor> tensors;
  for (const auto& [key, info] : (*source)->index()) {
    auto tensor = (*source)->Read(key);
    if (!tensor.ok()) Die(std::string(tensor.status().message()));
    tensors[key] = tensor->clone();
  }
  return tensors;
}

nlohmann::json LoadOracleJson(const std::string& name) {
  std::ifstream file(OraclePath(name));
  if (!file) Die("cannot read " + OraclePath(name));
  return nlohmann::json::parse(file);
}

::testing::AssertionResult IsNear(const Tensor& actual, const Tensor& expected,
                                  double rel, double max) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << "shape " << actual.sizes() << ", expected " << expected.sizes();
  }
  if (actual.numel() == 0) return ::testing::AssertionSuccess();
  Tensor a = actual.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  Tensor b = expected.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  const Tensor finite = b.isfinite();
  if (!finite.all().item<bool>()) {
    const Tensor same = (a == b).logical_or(a.isnan().logical_and(b.isnan()));
    if (!same.logical_or(finite).all().item<bool>()) {
      return ::testing::AssertionFailure()
             << "other values that are not finite";
    }
    a = a.masked_fill(finite.logical_not(), 0);
    b = b.masked_fill(finite.logical_not(), 0);
  }
  if (!a.isfinite().all().item<bool>()) {
    return ::testing::AssertionFailure() << "values that are not finite";
  }
  const Tensor difference = a - b;
  const double l2 = difference.norm().item<double>();
  const double worst = difference.abs().max().item<double>();
  const double l2_limit = rel * b.norm().item<double>();
  const double worst_limit = max * b.abs().max().item<double>();
  Report(Ratio(l2, b.norm().item<double>()),
         Ratio(worst, b.abs().max().item<double>()));
  if (l2 <= l2_limit && worst <= worst_limit) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << "|a-b| is " << l2 << ", allowed " << l2_limit << "; max|a-b| is "
         << worst << ", allowed " << worst_limit << "; worst element "
         << DescribeWorst(difference, a, b);
}

}  // namespace atelier::trainer::testing
