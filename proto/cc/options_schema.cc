#include "proto/cc/options_schema.h"

#include <algorithm>
#include <unordered_map>

#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/option_value.h"
#include "proto/cc/suggestion.h"

namespace atelier {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The options, and where each name and alias leads.
struct Schema {
  std::vector<Option> options;
  std::unordered_map<std::string, size_t> by_name;
  std::vector<std::string> names;
};

void AddOption(const FieldDescriptor& group, const FieldDescriptor& field,
               Schema* schema) {
  Option option;
  option.name = field.name();
  option.path = absl::StrCat("training.", group.name(), ".", field.name());
  option.group = &group;
  option.field = &field;
  option.info = field.options().GetExtension(v1::option);
  std::vector<std::string> names(option.info.aliases().begin(),
                                 option.info.aliases().end());
  names.insert(names.begin(), option.name);
  for (std::string& name : names) {
    schema->by_name.emplace(name, schema->options.size());
    schema->names.push_back(std::move(name));
  }
  schema->options.push_back(std::move(option));
}

Schema ReadSchema() {
  Schema schema;
  const auto& type = *v1::TrainingConfig::descriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& group = *type.field(i);
    const auto& fields = *group.message_type();
    for (int j = 0; j < fields.field_count(); ++j) {
      AddOption(group, *fields.field(j), &schema);
    }
  }
  return schema;
}

const Schema& TheSchema() {
  static const Schema* const kSchema = new Schema(ReadSchema());
  return *kSchema;
}

const Message& GroupOf(const Option& option, const v1::TrainingConfig& config) {
  return config.GetReflection()->GetMessage(config, option.group);
}

Message* MutableGroupOf(const Option& option, v1::TrainingConfig* config) {
  return config->GetReflection()->MutableMessage(config, option.group);
}

}  // namespace

bool Option::is_flag() const {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL;
}

bool Option::is_list() const { return field->is_repeated(); }

bool Option::TakenBy(v1::Architecture architecture) const {
  const auto& list = info.architectures();
  return list.empty() ||
         std::find(list.begin(), list.end(), architecture) != list.end();
}

std::string Option::DefaultFor(v1::Architecture architecture) const {
  for (const auto& own : info.architecture_defaults()) {
    if (own.architecture() == architecture) return own.value();
  }
  return info.default_value();
}

absl::Span<const Option> AllOptions() { return TheSchema().options; }

const Option* FindOption(absl::string_view name) {
  const Schema& schema = TheSchema();
  const auto found = schema.by_name.find(std::string(name));
  return found == schema.by_name.end() ? nullptr
                                       : &schema.options[found->second];
}

const std::vector<std::string>& OptionNames() { return TheSchema().names; }

std::string UnknownOption(absl::string_view name) {
  return absl::StrCat("unknown option ", name, DidYouMean(name, OptionNames()));
}

absl::Status SetOption(const Option& option, const OptionValue& value,
                       v1::TrainingConfig* config) {
  const absl::StatusOr<OptionValue> own = ToOptionType(option, value);
  if (!own.ok()) return own.status();
  if (absl::Status checked = CheckValue(option, *own); !checked.ok()) {
    return checked;
  }
  StoreValue(option, *own, MutableGroupOf(option, config));
  return absl::OkStatus();
}

absl::Status SetOptionFromText(const Option& option, absl::string_view text,
                               v1::TrainingConfig* config) {
  const absl::StatusOr<OptionValue> value = ParseValue(option, text);
  return value.ok() ? SetOption(option, *value, config) : value.status();
}

absl::Status CheckOption(const Option& option,
                         const v1::TrainingConfig& config) {
  for (const OptionValue& value : OptionValues(option, config)) {
    if (absl::Status checked = CheckValue(option, value); !checked.ok()) {
      return checked;
    }
  }
  return absl::OkStatus();
}

bool IsSet(const Option& option, const v1::TrainingConfig& config) {
  const Message& group = GroupOf(option, config);
  const auto& reflection = *group.GetReflection();
  return option.is_list() ? reflection.FieldSize(group, option.field) > 0
                          : reflection.HasField(group, option.field);
}

void ResetOption(const Option& option, v1::TrainingConfig* config) {
  if (!IsSet(option, *config)) return;
  Message* group = MutableGroupOf(option, config);
  group->GetReflection()->ClearField(group, option.field);
}

std::vector<const Option*> SetOptions(const v1::TrainingConfig& config) {
  std::vector<const Option*> result;
  for (const Option& option : AllOptions()) {
    if (IsSet(option, config)) result.push_back(&option);
  }
  return result;
}

std::vector<OptionValue> OptionValues(const Option& option,
                                      const v1::TrainingConfig& config) {
  if (!IsSet(option, config)) return {};
  return LoadValues(option, GroupOf(option, config));
}

void OverrideOptions(const v1::TrainingConfig& from, v1::TrainingConfig* to) {
  for (const Option* option : SetOptions(from)) {
    ResetOption(*option, to);
    for (const OptionValue& value : OptionValues(*option, from)) {
      StoreValue(*option, value, MutableGroupOf(*option, to));
    }
  }
}

void FillDefaults(v1::Architecture architecture, v1::TrainingConfig* config,
                  const std::function<int64_t()>& draw_seed) {
  for (const Option& option : AllOptions()) {
    const std::string value = option.DefaultFor(architecture);
    if (value.empty() || !option.TakenBy(architecture) ||
        IsSet(option, *config)) {
      continue;
    }
    // A default that does not fit its own option is caught by a test.
    SetOptionFromText(option, value, config).IgnoreError();
  }
  if (draw_seed != nullptr && !config->run().has_seed()) {
    config->mutable_run()->set_seed(draw_seed());
  }
}

std::vector<std::string> ArchitectureNames() {
  std::vector<std::string> names;
  const auto& type = *v1::Architecture_descriptor();
  for (int i = 0; i < type.value_count(); ++i) {
    const auto value = static_cast<v1::Architecture>(type.value(i)->number());
    if (value != 0) names.push_back(ArchitectureName(value));
  }
  return names;
}

absl::StatusOr<v1::Architecture> ParseArchitecture(absl::string_view name) {
  if (const auto value = EnumFromName<v1::Architecture>(name)) return *value;
  std::string known;
  for (const std::string& each : ArchitectureNames()) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", each);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("architecture is \"", name, "\"; must be one of ", known,
                   DidYouMean(name, ArchitectureNames())));
}

}  // namespace atelier
