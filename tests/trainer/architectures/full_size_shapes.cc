#include "tests/trainer/architectures/full_size_shapes.h"

#include <fstream>
#include <regex>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace atelier::trainer::testing {
namespace {

// `name.{0-18}.rest [3072, 64]`.
void AddLine(const std::string& line, TensorIndex& index) {
  const size_t space = line.find(" [");
  ASSERT_NE(space, std::string::npos) << line;
  TensorInfo info;
  const std::string sizes = line.substr(space + 2, line.size() - space - 3);
  for (const auto size : absl::StrSplit(sizes, ", ", absl::SkipEmpty())) {
    info.shape.push_back(0);
    ASSERT_TRUE(absl::SimpleAtoi(size, &info.shape.back())) << line;
  }
  const std::string name = line.substr(0, space);
  static const std::regex kRange(R"((.*)\{(\d+)-(\d+)\}(.*))");
  std::smatch match;
  if (!std::regex_match(name, match, kRange)) {
    index[name] = info;
    return;
  }
  for (int i = std::stoi(match[2]); i <= std::stoi(match[3]); ++i) {
    index[absl::StrCat(match[1].str(), i, match[4].str())] = info;
  }
}

}  // namespace

TensorIndex FullSizeIndex(const std::string& name) {
  const std::string path =
      absl::StrCat(ATELIER_FULL_SIZE_DIR, "/", name, ".txt");
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  TensorIndex index;
  for (std::string line; std::getline(file, line);) AddLine(line, index);
  return index;
}

void ExpectFullSize(const torch::nn::Module& module, const TensorIndex& index) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& parameter : module.named_parameters()) {
    shapes[parameter.key()] = parameter.value().sizes().vec();
  }
  for (const auto& buffer : module.named_buffers()) {
    shapes[buffer.key()] = buffer.value().sizes().vec();
  }
  for (const auto& [name, info] : index) {
    const auto found = shapes.find(name);
    if (found == shapes.end()) {
      ADD_FAILURE() << name << " is missing";
      continue;
    }
    EXPECT_EQ(found->second, info.shape) << name;
    shapes.erase(found);
  }
  for (const auto& [name, shape] : shapes) {
    ADD_FAILURE() << name << " is not in the published checkpoint";
  }
}

}  // namespace atelier::trainer::testing
