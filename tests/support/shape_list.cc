#include "tests/support/shape_list.h"

#include <fstream>
#include <regex>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace atelier::testing {
namespace {

bool ParseLine(const std::string& line, NamedShape& entry) {
  const size_t space = line.find(" [");
  if (space == std::string::npos || line.back() != ']') return false;
  entry.name = line.substr(0, space);
  const std::string sizes = line.substr(space + 2, line.size() - space - 3);
  for (const auto size : absl::StrSplit(sizes, ", ", absl::SkipEmpty())) {
    if (!absl::SimpleAtoi(size, &entry.shape.emplace_back())) return false;
  }
  return true;
}

void AddRange(const NamedShape& entry, std::vector<NamedShape>& entries) {
  static const std::regex kRange(R"((.*)\{(\d+)-(\d+)\}(.*))");
  std::smatch match;
  if (!std::regex_match(entry.name, match, kRange)) {
    entries.push_back(entry);
    return;
  }
  for (int i = std::stoi(match[2]); i <= std::stoi(match[3]); ++i) {
    entries.push_back(
        {absl::StrCat(match[1].str(), i, match[4].str()), entry.shape});
  }
}

}  // namespace

absl::StatusOr<std::vector<NamedShape>> ReadShapeList(const std::string& path) {
  std::ifstream file(path);
  if (!file.is_open()) {
    return absl::NotFoundError(absl::StrCat("no list of shapes at ", path));
  }
  std::vector<NamedShape> entries;
  for (std::string line; std::getline(file, line);) {
    NamedShape entry;
    if (!ParseLine(line, entry)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " has the line '", line,
                       "'; expected a name and its shape as in x.y [3, 4]"));
    }
    AddRange(entry, entries);
  }
  return entries;
}

}  // namespace atelier::testing
