// The training options, read from the annotations of TrainingConfig by
// reflection. Flags, job files, help, validation and defaults all start here;
// no second list exists.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "atelier/v1/training_config.pb.h"

namespace atelier {

// One option: a field of one of TrainingConfig's groups.
struct Option {
  std::string name;  // as typed: learning_rate
  std::string path;  // from JobSpec: training.optimizer.learning_rate
  const google::protobuf::FieldDescriptor* group;
  const google::protobuf::FieldDescriptor* field;
  v1::OptionInfo info;

  bool is_flag() const;  // of type bool
  bool is_list() const;  // may have several values
  bool TakenBy(v1::Architecture architecture) const;
  // As it would be typed; empty: none.
  std::string DefaultFor(v1::Architecture architecture) const;
};

// All options in the order of the help text.
absl::Span<const Option> AllOptions();

// By name or alias; null where there is none.
const Option* FindOption(absl::string_view name);

// Names and aliases, for suggestions and completion.
const std::vector<std::string>& OptionNames();

// `unknown option NAME`, with the nearest name.
std::string UnknownOption(absl::string_view name);

// A value with its type as it was written (a job file tells them apart).
using OptionValue = std::variant<bool, int64_t, double, std::string>;

// Sets an option, or appends to a list, after checking type, choices and range.
// A number may stand for a text (resolution = 512), and a whole floating-point
// number for an integer; nothing else is converted.
// Errors: INVALID_ARGUMENT with name, value and what is allowed; `config` is
// then unchanged.
absl::Status SetOption(const Option& option, const OptionValue& value,
                       v1::TrainingConfig* config);
// The same from text, as in a flag.
absl::Status SetOptionFromText(const Option& option, absl::string_view text,
                               v1::TrainingConfig* config);

// Checks a value that is already set: what SetOption would have said.
absl::Status CheckOption(const Option& option,
                         const v1::TrainingConfig& config);

bool IsSet(const Option& option, const v1::TrainingConfig& config);
void ResetOption(const Option& option, v1::TrainingConfig* config);
std::vector<const Option*> SetOptions(const v1::TrainingConfig& config);

// The values of a set option: one, or any number for a list. None where unset.
std::vector<OptionValue> OptionValues(const Option& option,
                                      const v1::TrainingConfig& config);
// As it would be typed; numbers in the shortest form that reads back equal.
std::string ValueText(const OptionValue& value);

// Sets in `to` what is set in `from`; a list replaces a list.
void OverrideOptions(const v1::TrainingConfig& from, v1::TrainingConfig* to);

// Gives every unset option that the architecture takes its default, and `seed`
// a number from `draw_seed`, where one is given.
void FillDefaults(v1::Architecture architecture, v1::TrainingConfig* config,
                  const std::function<int64_t()>& draw_seed = nullptr);

// Errors: INVALID_ARGUMENT, with the nearest of the known names.
absl::StatusOr<v1::Architecture> ParseArchitecture(absl::string_view name);
std::vector<std::string> ArchitectureNames();

}  // namespace atelier
