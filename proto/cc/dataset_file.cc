#include "proto/cc/dataset_file.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"

namespace atelier {
namespace {

using nlohmann::json;

// A description is datasets, subsets and a list at most; what is deeper is
// refused before it can exhaust the stack.
constexpr int kMaxDepth = 16;

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return absl::NotFoundError(
        absl::StrCat("dataset_config: ", path, ": cannot be opened"));
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<toml::table> ParseToml(const std::string& text,
                                      const std::string& path) {
  toml::parse_result result = toml::parse(text, path);
  if (result) return std::move(result).table();
  const toml::parse_error& error = result.error();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ":", error.source().begin.line, ":", error.source().begin.column,
      ": ", std::string(error.description())));
}

// Takes the tokens of a JSON text for the place of the first error alone.
struct ErrorFinder {
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(json::number_integer_t) { return true; }
  bool number_unsigned(json::number_unsigned_t) { return true; }
  bool number_float(json::number_float_t, const std::string&) { return true; }
  bool string(std::string&) { return true; }
  bool binary(json::binary_t&) { return true; }
  bool start_object(std::size_t) { return true; }
  bool key(std::string&) { return true; }
  bool end_object() { return true; }
  bool start_array(std::size_t) { return true; }
  bool end_array() { return true; }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception&) {
    position = at;
    return false;
  }

  std::size_t position = 0;
};

// `PATH:LINE:COLUMN: …`
absl::Status SyntaxError(const std::string& text, const std::string& path) {
  ErrorFinder finder;
  json::sax_parse(text, &finder);
  const size_t bad =
      std::min(std::max<size_t>(finder.position, 1), text.size());
  const std::string before = text.substr(0, bad == 0 ? 0 : bad - 1);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t begin = before.rfind('\n');
  const size_t column =
      before.size() - (begin == std::string::npos ? 0 : begin + 1) + 1;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ":", line, ":", column, ": is not JSON from here on"));
}

// Builds the tree of tables. `where` names the value: `datasets[0].batch_size`.
class JsonToTables {
 public:
  explicit JsonToTables(const std::string& path) : path_(path) {}

  absl::StatusOr<toml::table> Table(const json& object,
                                    const std::string& where, int depth) {
    toml::table table;
    for (const auto& [key, value] : object.items()) {
      RETURN_IF_ERROR(Convert(
          value, where.empty() ? key : absl::StrCat(where, ".", key), depth,
          [&](auto&& node) {
            table.insert_or_assign(key, std::forward<decltype(node)>(node));
          }));
    }
    return table;
  }

 private:
  // Hands the node to `put`, which takes any kind.
  template <typename Put>
  absl::Status Convert(const json& value, const std::string& where, int depth,
                       Put put) {
    if (depth >= kMaxDepth) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ": ", where, ": is nested too deeply"));
    }
    if (value.is_object()) {
      ASSIGN_OR_RETURN(toml::table table, Table(value, where, depth + 1));
      put(std::move(table));
    } else if (value.is_array()) {
      ASSIGN_OR_RETURN(toml::array array, Array(value, where, depth + 1));
      put(std::move(array));
    } else if (value.is_string()) {
      put(value.get<std::string>());
    } else if (value.is_boolean()) {
      put(value.get<bool>());
    } else if (IsWhole(value)) {
      put(value.get<int64_t>());
    } else if (value.is_number()) {
      put(value.get<double>());
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          path_, ": ", where, ": is null; leave the key out instead"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<toml::array> Array(const json& values,
                                    const std::string& where, int depth) {
    toml::array array;
    for (size_t i = 0; i < values.size(); ++i) {
      RETURN_IF_ERROR(Convert(
          values[i], absl::StrCat(where, "[", i, "]"), depth, [&](auto&& node) {
            array.push_back(std::forward<decltype(node)>(node));
          }));
    }
    return array;
  }

  static bool IsWhole(const json& value) {
    if (value.is_number_unsigned()) {
      return value.get<uint64_t>() <=
             static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    }
    return value.is_number_integer();
  }

  const std::string& path_;
};

absl::StatusOr<toml::table> ParseJson(const std::string& text,
                                      const std::string& path) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return SyntaxError(text, path);
  if (!root.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected an object with \"datasets\""));
  }
  return JsonToTables(path).Table(root, "", 0);
}

}  // namespace

absl::StatusOr<toml::table> ReadDatasetFile(const std::string& path) {
  const bool is_toml = absl::EndsWithIgnoreCase(path, ".toml");
  if (!is_toml && !absl::EndsWithIgnoreCase(path, ".json")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dataset_config: expected a .toml or .json file, found ", path));
  }
  ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  return is_toml ? ParseToml(text, path) : ParseJson(text, path);
}

std::string PlaceIn(absl::string_view file, const toml::node& node) {
  const toml::source_position& begin = node.source().begin;
  if (begin.line == 0) return absl::StrCat(file, ": ");
  return absl::StrCat(file, ":", begin.line, ":", begin.column, ": ");
}

}  // namespace atelier
