#include "client/sd_scripts/script_config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/toml.h"

namespace atelier::client::sd_scripts {
namespace {

// Keys that graphical front ends write and that sd-scripts never reads.
constexpr absl::string_view kForeignKeys[] = {"epoch", "noise_offset_type",
                                              "LoRA_type"};

std::optional<std::string> TextOf(const toml::node& node) {
  if (const auto* flag = node.as_boolean()) {
    return flag->get() ? "true" : "false";
  }
  if (const auto* integer = node.as_integer()) {
    return absl::StrCat(integer->get());
  }
  if (const auto* number = node.as_floating_point()) {
    return ValueText(number->get());
  }
  if (const auto* text = node.as_string()) return text->get();
  return std::nullopt;
}

class ConfigReader {
 public:
  ConfigReader(std::string file, const Script& script, GivenOptions* given)
      : file_(std::move(file)), script_(script), given_(given) {}

  std::vector<Violation> Read(const toml::table& table) {
    for (const auto& [key, node] : table) {
      const toml::table* inner = node.as_table();
      if (inner == nullptr) {
        ReadKey(key, node);
        continue;
      }
      for (const auto& [inner_key, inner_node] : *inner) {
        ReadKey(inner_key, inner_node);
      }
    }
    return std::move(violations_);
  }

 private:
  void ReadKey(const toml::key& key, const toml::node& node) {
    const std::string name(key.str());
    const bool is_foreign =
        std::find(std::begin(kForeignKeys), std::end(kForeignKeys), name) !=
        std::end(kForeignKeys);
    if (is_foreign) return;
    const std::string place = absl::StrCat(file_, ":", key.source().begin.line);
    const auto fail = [&](absl::string_view message) {
      violations_.push_back({name, absl::StrCat(place, ": ", message)});
    };
    const OptionRow* row = FindRow(name, script_);
    if (node.is_table()) return fail("a table stands inside another table");
    if (row == nullptr) return fail(UnknownScriptOption(name, script_));
    if (absl::string_view(row->name) == "config_file") {
      return fail("a configuration file cannot name another one");
    }
    GivenOption option;
    option.row = row;
    option.place = place;
    if (row->kind == ValueKind::kFlag) {
      if (!node.is_boolean()) {
        return fail(absl::StrCat(name, " must be true or false"));
      }
      if (!node.as_boolean()->get()) return;
    } else if (!ReadValues(*row, node, &option.values)) {
      return fail(absl::StrCat(name, " is of a type that it cannot have"));
    }
    for (const std::string& value : option.values) {
      const std::string fault = ValueFault(*row, value, false);
      if (!fault.empty()) return fail(fault);
    }
    given_->Set(std::move(option));
  }

  // An array of a plain option is its values with commas: [512, 768].
  static bool ReadValues(const OptionRow& row, const toml::node& node,
                         std::vector<std::string>* values) {
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      const auto text = TextOf(node);
      if (!text.has_value() || node.is_boolean()) return false;
      values->push_back(*text);
      return true;
    }
    for (const toml::node& element : *array) {
      const auto text = TextOf(element);
      if (!text.has_value()) return false;
      values->push_back(*text);
    }
    if (row.kind != ValueKind::kList) *values = {absl::StrJoin(*values, ",")};
    return true;
  }

  std::string file_;
  const Script& script_;
  GivenOptions* given_;
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> ReadScriptConfig(const std::string& name,
                                        const Script& script,
                                        const Surroundings& surroundings,
                                        GivenOptions* given) {
  const std::string file =
      absl::EndsWith(name, ".toml") ? name : absl::StrCat(name, ".toml");
  const auto text = surroundings.read_file(AbsolutePath(surroundings, file));
  if (!text.ok()) {
    return {{"config_file",
             absl::StrCat("config_file: ", text.status().message())}};
  }
  const toml::parse_result parsed = toml::parse(*text, file);
  if (!parsed) {
    const auto& where = parsed.error().source().begin;
    return {{"config_file",
             absl::StrCat(file, ":", where.line, ":", where.column, ": ",
                          std::string(parsed.error().description()))}};
  }
  return ConfigReader(file, script, given).Read(parsed.table());
}

}  // namespace atelier::client::sd_scripts
