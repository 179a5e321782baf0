// Values of single options: parsed from text, converted to the option's type,
// checked against its annotation, stored in and read from its group message.
// What options_schema.h is made of.
#pragma once

#include <vector>

#include "proto/cc/options_schema.h"

namespace atelier {

// Errors: INVALID_ARGUMENT, naming option, text and the type expected.
absl::StatusOr<OptionValue> ParseValue(const Option& option,
                                       absl::string_view text);

// A value of the option's own type: bool, int64_t, double or text.
// Errors: INVALID_ARGUMENT where the value is of another type.
absl::StatusOr<OptionValue> ToOptionType(const Option& option,
                                         const OptionValue& value);

// Choices, range, and what every text must be (valid UTF-8 without NUL).
absl::Status CheckValue(const Option& option, const OptionValue& value);

// `group` is the message that holds the option's field. A list is appended to.
void StoreValue(const Option& option, const OptionValue& value,
                google::protobuf::Message* group);
std::vector<OptionValue> LoadValues(const Option& option,
                                    const google::protobuf::Message& group);

// `an integer`, `a number`, `true or false`, `a text`.
std::string TypeInWords(const Option& option);

}  // namespace atelier
