#include "proto/cc/options_from_toml.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/option_paths.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/resource_text.h"
#include "proto/cc/suggestion.h"
#include "proto/cc/toml.h"

namespace atelier {
namespace {

std::optional<OptionValue> PlainValue(const toml::node& node) {
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* text = node.as_string()) return text->get();
  return std::nullopt;
}

// `[512, 768]` as `512,768`, which is how a text option has it.
std::optional<std::string> JoinedIntegers(const toml::array& array) {
  std::vector<int64_t> numbers;
  for (const toml::node& node : array) {
    if (!node.is_integer()) return std::nullopt;
    numbers.push_back(node.as_integer()->get());
  }
  if (numbers.empty()) return std::nullopt;
  return absl::StrJoin(numbers, ",");
}

class JobFileReader {
 public:
  explicit JobFileReader(const std::string& file) : file_(file) {}

  void Read(const toml::table& table) {
    for (const auto& [key, node] : table) ReadTop(key, node);
  }
  v1::JobSpec& spec() { return spec_; }
  const std::vector<Violation>& violations() const { return violations_; }

 private:
  void ReadTop(const toml::key& key, const toml::node& node) {
    const std::string name(key.str());
    const toml::table* table = node.as_table();
    if (name == "job" && table != nullptr) {
      for (const auto& [inner, value] : *table) ReadJobKey(inner, value);
    } else if (IsJobKey(name)) {
      ReadJobKey(key, node);
    } else if (table != nullptr && FindOption(name) == nullptr) {
      for (const auto& [inner, value] : *table) ReadOption(inner, value);
    } else {
      ReadOption(key, node);
    }
  }

  static bool IsJobKey(const std::string& name) {
    const auto& keys = JobKeys();
    return std::find(keys.begin(), keys.end(), name) != keys.end();
  }

  void Fail(const toml::source_position& where, const std::string& field,
            absl::string_view message) {
    violations_.push_back({field, absl::StrCat(file_, ":", where.line, ":",
                                               where.column, ": ", message)});
  }

  void ReadOption(const toml::key& key, const toml::node& node) {
    const std::string name(key.str());
    const auto& where = key.source().begin;
    const Option* option = FindOption(name);
    if (option == nullptr) return Unknown(key, node);
    if (!seen_.insert(option->name).second) {
      return Fail(where, option->path,
                  absl::StrCat(name, " is given twice in this file"));
    }
    const toml::array* array = node.as_array();
    if (array != nullptr && option->is_list()) {
      for (const toml::node& element : *array) SetFrom(*option, element);
      return;
    }
    if (array != nullptr) {
      if (const auto joined = JoinedIntegers(*array)) {
        return Set(*option, *joined, where);
      }
    }
    SetFrom(*option, node);
  }

  void Unknown(const toml::key& key, const toml::node& node) {
    const std::string name(key.str());
    std::vector<std::string> names = OptionNames();
    names.insert(names.end(), JobKeys().begin(), JobKeys().end());
    Fail(key.source().begin, name,
         node.is_table()
             ? absl::StrCat("table ", name, " stands inside another table")
             : absl::StrCat("unknown option ", name, DidYouMean(name, names)));
  }

  void SetFrom(const Option& option, const toml::node& node) {
    const auto& where = node.source().begin;
    if (const auto value = PlainValue(node)) return Set(option, *value, where);
    std::ostringstream kind;
    kind << node.type();
    Fail(where, option.path,
         absl::StrCat(option.name, " is of TOML type ", kind.str(),
                      "; must be ", TypeOf(option)));
  }

  static std::string TypeOf(const Option& option) {
    if (option.is_list()) return "an array of texts";
    if (option.is_flag()) return "true or false";
    return option.field->type() ==
                   google::protobuf::FieldDescriptor::TYPE_STRING
               ? "a text"
               : "a number";
  }

  void Set(const Option& option, const OptionValue& value,
           const toml::source_position& where) {
    const absl::Status status =
        SetOption(option, value, spec_.mutable_training());
    if (!status.ok()) Fail(where, option.path, status.message());
  }

  void ReadJobKey(const toml::key& key, const toml::node& node) {
    const std::string name(key.str());
    if (!IsJobKey(name)) {
      const bool is_option = FindOption(name) != nullptr;
      return Fail(key.source().begin, name,
                  absl::StrCat("unknown key ", name, " in [job]",
                               is_option ? "; options stand outside of it"
                                         : DidYouMean(name, JobKeys())));
    }
    if (!seen_.insert(name).second) {
      return Fail(key.source().begin, name,
                  absl::StrCat(name, " is given twice in this file"));
    }
    if (name == "labels") return ReadLabels(node);
    if (name == "devices") return ReadDevices(node);
    if (std::find(ResourceKeys().begin(), ResourceKeys().end(), name) !=
        ResourceKeys().end()) {
      return ReadResource(name, node);
    }
    if (name == "name" || name == "architecture") return ReadText(name, node);
    ReadNumber(name, node);
  }

  void ReadText(const std::string& name, const toml::node& node) {
    const auto& where = node.source().begin;
    if (!node.is_string()) {
      return Fail(where, name, absl::StrCat(name, " must be a text"));
    }
    const std::string& text = node.as_string()->get();
    if (name == "name") return spec_.set_name(text);
    const auto architecture = ParseArchitecture(text);
    if (!architecture.ok()) {
      return Fail(where, name, architecture.status().message());
    }
    spec_.set_architecture(*architecture);
  }

  void ReadNumber(const std::string& name, const toml::node& node) {
    const std::optional<double> number = node.value<double>();
    const bool fits = number.has_value() && *number >= 0 &&
                      *number <= std::numeric_limits<int32_t>::max();
    const auto& where = node.source().begin;
    if (name == "max_attempts") {
      if (!fits || !node.is_integer()) {
        return Fail(where, name, "max_attempts must be an integer from 0 on");
      }
      return spec_.set_max_attempts(static_cast<int32_t>(*number));
    }
    if (!fits) {
      return Fail(where, name, "stop_grace_seconds must be a number from 0 on");
    }
    const auto whole = static_cast<int64_t>(*number);
    spec_.mutable_stop_grace()->set_seconds(whole);
    spec_.mutable_stop_grace()->set_nanos(static_cast<int32_t>(
        std::lround((*number - static_cast<double>(whole)) * 1e3) * 1000000));
  }

  void ReadLabels(const toml::node& node) {
    if (!node.is_table()) {
      return Fail(node.source().begin, "labels", "labels must be a table");
    }
    for (const auto& [key, value] : *node.as_table()) {
      if (const auto text = PlainValue(value)) {
        (*spec_.mutable_labels())[std::string(key.str())] = ValueText(*text);
      } else {
        Fail(value.source().begin, "labels",
             absl::StrCat("label ", std::string(key.str()), " must be a text"));
      }
    }
  }

  // `{ type = "gpu", count = 2 }`, or as the flag has it: `"gpu:2"`.
  void ReadDevices(const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return ReadResource("devices", node);
    for (const auto& [key, value] : *table) ReadDevice(key, value);
  }

  void ReadDevice(const toml::key& key, const toml::node& value) {
    const std::string name(key.str());
    const auto text = PlainValue(value);
    const absl::Status set =
        SetDeviceKey(name, text.has_value() ? ValueText(*text) : "", &spec_);
    if (!set.ok())
      Fail(value.source().begin, absl::StrCat("devices.", name), set.message());
  }

  void ReadResource(const std::string& name, const toml::node& node) {
    const auto text = PlainValue(node);
    const absl::Status set =
        SetResource(name, text.has_value() ? ValueText(*text) : "", &spec_);
    if (!set.ok()) Fail(node.source().begin, name, set.message());
  }

  std::string file_;
  v1::JobSpec spec_;
  std::set<std::string> seen_;
  std::vector<Violation> violations_;
};

}  // namespace

const std::vector<std::string>& JobKeys() {
  static const auto* const kKeys = new std::vector<std::string>{
      "name",        "architecture", "max_attempts", "stop_grace_seconds",
      "labels",      "devices",      "min_vram",     "gpu_model",
      "host_memory", "time_limit",   "on_time_limit"};
  return *kKeys;
}

absl::StatusOr<v1::JobSpec> JobSpecFromToml(absl::string_view text,
                                            const std::string& file_name,
                                            const std::string& base_dir) {
  const toml::parse_result parsed =
      toml::parse(std::string_view(text.data(), text.size()), file_name);
  if (!parsed) {
    const auto& where = parsed.error().source().begin;
    return MakeBadRequest(
        {{"", absl::StrCat(file_name, ":", where.line, ":", where.column, ": ",
                           std::string(parsed.error().description()))}});
  }
  JobFileReader reader(file_name);
  reader.Read(parsed.table());
  if (!reader.violations().empty()) return MakeBadRequest(reader.violations());
  MakePathsAbsolute(base_dir, reader.spec().mutable_training());
  return reader.spec();
}

}  // namespace atelier
