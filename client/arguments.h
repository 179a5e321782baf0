// A command's own flags and arguments, taken apart by a table.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace atelier::client {

struct Flag {
  std::string name;        // without dashes: max-attempts
  std::string value_name;  // N; empty: a switch
  std::string help;
  char letter = '\0';  // the short form: -f
  // The value may be left out; it is then empty.
  bool value_is_optional = false;
};

// What a command accepts.
struct Signature {
  std::string arguments;  // as shown in the usage line: `ID…`
  size_t min_arguments = 0;
  size_t max_arguments = 0;
  std::vector<Flag> flags;
  // Flags that are not the command's own are training options.
  bool takes_options = false;
  // Words after -- are a command of another program.
  bool takes_command = false;
};

struct Arguments {
  std::vector<std::string> positional;
  // Values in the order given; a switch has one empty value.
  std::map<std::string, std::vector<std::string>> flags;
  // Training options with their values, as typed.
  std::vector<std::string> options;
  bool has_command = false;
  std::vector<std::string> command;  // what stands after --

  bool Has(const std::string& flag) const { return flags.count(flag) > 0; }
  // The last value; empty where it was not given.
  std::string Value(const std::string& flag) const;
};

// Flags that every command has.
absl::Span<const Flag> CommonFlags();

// Errors: INVALID_ARGUMENT, with the nearest known flag.
absl::StatusOr<Arguments> ParseArguments(const Signature& signature,
                                         absl::Span<const std::string> tokens);

// Errors: INVALID_ARGUMENT; a job's id is an integer above 0.
absl::StatusOr<int64_t> ParseJobId(absl::string_view text);
// An integer from `low` on; `flag` is for the message.
absl::StatusOr<int64_t> ParseInteger(absl::string_view flag,
                                     absl::string_view text, int64_t low);

}  // namespace atelier::client
