#include "server/config/config_reader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/suggestion.h"
#include "proto/cc/toml.h"

namespace atelier::server {
namespace {

std::string Place(const std::string& file, const toml::source_region& source) {
  return absl::StrCat(file.empty() ? "configuration" : file, ":",
                      source.begin.line);
}

std::string Written(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

// HOST may be a name, an IPv4 address or `[IPv6]`.
bool IsAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  return colon != std::string::npos && colon > 0 &&
         absl::SimpleAtoi(text.substr(colon + 1), &port) && port >= 0 &&
         port <= 65535;
}

}  // namespace

struct ConfigReader::Values {
  toml::table values;
};

ConfigReader::ConfigReader(std::unique_ptr<Values> table, std::string file)
    : table_(std::move(table)), file_(std::move(file)) {}
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;
ConfigReader::~ConfigReader() = default;

absl::StatusOr<ConfigReader> ConfigReader::Parse(absl::string_view toml,
                                                 const std::string& file) {
  toml::parse_result parsed =
      toml::parse(std::string_view(toml.data(), toml.size()));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return absl::InvalidArgumentError(absl::StrCat(
        Place(file, error.source()), ":", error.source().begin.column, ": ",
        std::string(error.description())));
  }
  auto table = std::make_unique<Values>();
  table->values = std::move(parsed).table();
  return ConfigReader(std::move(table), file);
}

void ConfigReader::Refuse(const char* key, absl::string_view expected) {
  const toml::node& node = *table_->values.get(key);
  problems_.push_back(absl::StrCat(Place(file_, node.source()), ": ", key,
                                   " is ", Written(node), "; it must be ",
                                   expected));
}

bool ConfigReader::Text(const char* key, std::string* out) {
  known_.emplace_back(key);
  const toml::node* node = table_->values.get(key);
  if (node == nullptr) return false;
  const auto* text = node->as_string();
  if (text == nullptr) {
    Refuse(key, "a text");
    return false;
  }
  *out = text->get();
  return true;
}

bool ConfigReader::Bounded(const char* key, Bounds bounds, double* out) {
  known_.emplace_back(key);
  const toml::node* node = table_->values.get(key);
  if (node == nullptr) return false;
  const auto value =
      node->is_number() ? node->value<double>() : std::optional<double>();
  if (value.has_value() && *value >= bounds.min && *value <= bounds.max) {
    *out = *value;
    return true;
  }
  Refuse(key, absl::StrCat("a number from ", bounds.min, " to ", bounds.max));
  return false;
}

void ConfigReader::Path(const char* key, std::string* out) {
  std::string text;
  if (!Text(key, &text) || text.empty()) return;
  if (text.find('\0') != std::string::npos) {
    return Refuse(key, "a path, without NUL");
  }
  std::filesystem::path path(text);
  if (path.is_relative()) {
    path = std::filesystem::path(file_).parent_path() / path;
  }
  *out = std::filesystem::absolute(path).lexically_normal().string();
}

void ConfigReader::Integer(const char* key, Bounds bounds, int* out) {
  double value = 0;
  if (!Bounded(key, bounds, &value)) return;
  if (value != std::floor(value)) return Refuse(key, "a whole number");
  *out = static_cast<int>(value);
}

void ConfigReader::Number(const char* key, Bounds bounds, double* out) {
  Bounded(key, bounds, out);
}

void ConfigReader::Seconds(const char* key, Bounds bounds,
                           absl::Duration* out) {
  double value = 0;
  if (Bounded(key, bounds, &value)) *out = absl::Seconds(value);
}

void ConfigReader::Bytes(const char* key, int64_t* out) {
  known_.emplace_back(key);
  const toml::node* node = table_->values.get(key);
  if (node == nullptr) return;
  const auto* value = node->as_integer();
  if (value == nullptr || value->get() < 0) {
    return Refuse(key, "a whole number of bytes, 0 or more");
  }
  *out = value->get();
}

void ConfigReader::Flag(const char* key, bool* out) {
  known_.emplace_back(key);
  const toml::node* node = table_->values.get(key);
  if (node == nullptr) return;
  const auto* value = node->as_boolean();
  if (value == nullptr) return Refuse(key, "true or false");
  *out = value->get();
}

void ConfigReader::Address(const char* key, std::string* out) {
  std::string text;
  if (!Text(key, &text)) return;
  if (!text.empty() && !IsAddress(text)) {
    return Refuse(key, "HOST:PORT, or empty to switch it off");
  }
  *out = text;
}

void ConfigReader::Choice(const char* key,
                          const std::vector<std::string>& choices,
                          std::string* out) {
  std::string text;
  if (!Text(key, &text)) return;
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    return Refuse(key, absl::StrCat("one of ", absl::StrJoin(choices, ", "),
                                    DidYouMean(text, choices)));
  }
  *out = text;
}

void ConfigReader::Texts(const char* key, std::vector<std::string>* out) {
  known_.emplace_back(key);
  const toml::node* node = table_->values.get(key);
  if (node == nullptr) return;
  const toml::array* array = node->as_array();
  if (array == nullptr) return Refuse(key, "an array of texts");
  std::vector<std::string> texts;
  for (const toml::node& element : *array) {
    if (!element.is_string()) return Refuse(key, "an array of texts");
    texts.push_back(element.as_string()->get());
  }
  *out = std::move(texts);
}

void ConfigReader::Choices(const char* key,
                           const std::vector<std::string>& choices,
                           std::map<std::string, std::string>* out) {
  Table(key, [&](ConfigReader& inner) {
    for (const auto& [name, node] : inner.table_->values) {
      const std::string text(name.str());
      inner.Choice(text.c_str(), choices, &(*out)[text]);
    }
  });
}

void ConfigReader::Table(const char* key,
                         const std::function<void(ConfigReader&)>& read) {
  known_.emplace_back(key);
  auto values = std::make_unique<Values>();
  if (const toml::node* node = table_->values.get(key)) {
    if (!node->is_table()) return Refuse(key, "a table");
    values->values = *node->as_table();
  }
  ConfigReader inner(std::move(values), file_);
  read(inner);
  for (std::string& problem : inner.Problems())
    problems_.push_back(std::move(problem));
}

std::vector<std::string> ConfigReader::Problems() const {
  std::vector<std::string> problems = problems_;
  for (const auto& [key, node] : table_->values) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    problems.push_back(absl::StrCat(Place(file_, key.source()),
                                    ": unknown key ", name,
                                    DidYouMean(name, known_)));
  }
  return problems;
}

absl::Status ConfigReader::Finish() const {
  const std::vector<std::string> problems = Problems();
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

}  // namespace atelier::server
