#include "server/store/list_filter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

#include "atelier/v1/architecture.pb.h"
#include "atelier/v1/job_state.pb.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxCharacters = 2000;
constexpr size_t kMaxTerms = 20;

enum class FieldType { kNumber, kText, kTime, kState, kArchitecture };

struct Field {
  absl::string_view name;
  absl::string_view column;
  FieldType type;
};

constexpr Field kFields[] = {
    {"id", "jobs.id", FieldType::kNumber},
    {"name", "name", FieldType::kText},
    {"state", "state", FieldType::kState},
    {"architecture", "architecture", FieldType::kArchitecture},
    {"owner", "owner", FieldType::kText},
    {"create_time", "create_time", FieldType::kTime},
};

// Longer ones first, so that `<=` is not read as `<`.
constexpr absl::string_view kOperators[] = {"!=", "<=", ">=", "=",
                                            "<",  ">",  ":"};
constexpr absl::string_view kLabelPrefix = "label.";

absl::Status FilterError(absl::string_view message) {
  const std::string text = absl::StrCat("filter: ", message);
  const Violation violation{"filter", text};
  return MakeBadRequest(reasons::kInvalidFilter, {violation});
}

bool IsWordCharacter(char c) {
  return !absl::ascii_isspace(static_cast<unsigned char>(c)) &&
         !absl::StrContains("\"=!<>:", c);
}

struct Term {
  std::string field;
  std::string op;
  std::string value;
};

// Reads terms one after the other.
class FilterReader {
 public:
  explicit FilterReader(absl::string_view text) : text_(text) {}

  bool AtEnd() {
    while (at_ < text_.size() &&
           absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) {
      ++at_;
    }
    return at_ == text_.size();
  }

  absl::StatusOr<Term> ReadTerm() {
    Term term;
    term.field = ReadWord();
    if (term.field.empty()) return Expected("a field");
    term.op = ReadOperator();
    if (term.op.empty()) return Expected("one of = != < <= > >= :");
    ASSIGN_OR_RETURN(term.value, ReadValue());
    return term;
  }

  absl::Status ReadAnd() {
    if (ReadWord() == "AND") return absl::OkStatus();
    return FilterError(
        absl::StrCat("terms are joined by AND (at character ", at_, ")"));
  }

 private:
  std::string ReadWord() {
    if (AtEnd()) return "";
    const size_t begin = at_;
    while (at_ < text_.size() && IsWordCharacter(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string ReadOperator() {
    if (AtEnd()) return "";
    for (absl::string_view op : kOperators) {
      if (!absl::StartsWith(text_.substr(at_), op)) continue;
      at_ += op.size();
      return std::string(op);
    }
    return "";
  }

  absl::StatusOr<std::string> ReadValue() {
    if (AtEnd()) return Expected("a value");
    if (text_[at_] == '"') return ReadQuoted();
    const size_t begin = at_;
    // A time has colons.
    while (at_ < text_.size() &&
           (IsWordCharacter(text_[at_]) || text_[at_] == ':')) {
      ++at_;
    }
    if (at_ == begin) return Expected("a value");
    return std::string(text_.substr(begin, at_ - begin));
  }

  absl::StatusOr<std::string> ReadQuoted() {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return value;
      }
      if (text_[at_] == '\\' && ++at_ == text_.size()) break;
      value.push_back(text_[at_]);
    }
    return Expected("a closing quote");
  }

  absl::Status Expected(absl::string_view what) const {
    return FilterError(
        absl::StrCat(what, " is missing at character ", at_ + 1));
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

absl::StatusOr<SqlValue> ToValue(const Field& field, const Term& term) {
  int64_t number = 0;
  absl::Time time;
  std::string error;
  switch (field.type) {
    case FieldType::kText:
      return SqlValue(term.value);
    case FieldType::kNumber:
      if (absl::SimpleAtoi(term.value, &number)) return SqlValue(number);
      return FilterError(absl::StrCat(term.field, " is a whole number, not `",
                                      term.value, "`"));
    case FieldType::kTime:
      if (absl::ParseTime(absl::RFC3339_full, term.value, &time, &error)) {
        return SqlValue(absl::ToUnixMicros(time));
      }
      return FilterError(absl::StrCat(
          term.field, " is a time like 2030-01-31T12:00:00Z, not `", term.value,
          "`"));
    case FieldType::kState:
      if (const auto state = EnumFromName<v1::JobState>(term.value)) {
        return SqlValue(int64_t{*state});
      }
      return FilterError(absl::StrCat("there is no state `", term.value, "`"));
    case FieldType::kArchitecture:
      if (const auto value = EnumFromName<v1::Architecture>(term.value)) {
        return SqlValue(int64_t{*value});
      }
      return FilterError(
          absl::StrCat("there is no architecture `", term.value, "`"));
  }
  return absl::InternalError("unknown type of filter field");
}

absl::Status CheckOperator(const Field& field, const Term& term) {
  const bool is_enum =
      field.type == FieldType::kState || field.type == FieldType::kArchitecture;
  if (is_enum && term.op != "=" && term.op != "!=") {
    return FilterError(
        absl::StrCat(term.field, " takes = and !=, not ", term.op));
  }
  if (term.op == ":" && field.name != "name") {
    return FilterError(absl::StrCat(term.field,
                                    " does not take `:`, which is "
                                    "for name"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SqlCondition> LabelCondition(const Term& term) {
  if (term.op == ":") {
    return FilterError(
        absl::StrCat(term.field, " does not take `:`, which is for name"));
  }
  const std::string key = term.field.substr(kLabelPrefix.size());
  if (key.empty()) return FilterError("label. needs a key, as in label.team");
  const bool negated = term.op == "!=";
  return SqlCondition{
      absl::StrCat(negated ? "NOT " : "",
                   "EXISTS (SELECT 1 FROM labels WHERE job_id = jobs.id AND "
                   "key = ? AND value ",
                   negated ? "=" : term.op, " ?)"),
      {key, term.value}};
}

absl::StatusOr<SqlCondition> ToCondition(const Term& term) {
  if (absl::StartsWith(term.field, kLabelPrefix)) return LabelCondition(term);
  const Field* field =
      std::find_if(std::begin(kFields), std::end(kFields),
                   [&](const Field& row) { return row.name == term.field; });
  if (field == std::end(kFields)) {
    std::vector<std::string> names;
    for (const Field& row : kFields) names.emplace_back(row.name);
    return FilterError(absl::StrCat("there is no field `", term.field, "`",
                                    DidYouMean(term.field, names)));
  }
  RETURN_IF_ERROR(CheckOperator(*field, term));
  ASSIGN_OR_RETURN(SqlValue value, ToValue(*field, term));
  if (term.op == ":") {
    return SqlCondition{"instr(lower(name), lower(?)) > 0", {value}};
  }
  return SqlCondition{absl::StrCat(field->column, " ", term.op, " ?"), {value}};
}

}  // namespace

absl::StatusOr<SqlCondition> ParseFilter(absl::string_view filter) {
  if (filter.size() > kMaxCharacters) {
    return FilterError(absl::StrCat("has ", filter.size(),
                                    " characters; at most ", kMaxCharacters));
  }
  FilterReader reader(filter);
  SqlCondition all;
  std::vector<std::string> parts;
  while (!reader.AtEnd()) {
    if (!parts.empty()) RETURN_IF_ERROR(reader.ReadAnd());
    ASSIGN_OR_RETURN(const Term term, reader.ReadTerm());
    ASSIGN_OR_RETURN(SqlCondition one, ToCondition(term));
    parts.push_back(std::move(one.sql));
    all.values.insert(all.values.end(), one.values.begin(), one.values.end());
    if (parts.size() > kMaxTerms) {
      return FilterError(absl::StrCat("at most ", kMaxTerms, " terms"));
    }
  }
  all.sql = absl::StrJoin(parts, " AND ");
  return all;
}

absl::StatusOr<SqlOrder> ParseOrder(absl::string_view order_by) {
  const std::vector<std::string> words =
      absl::StrSplit(order_by, ' ', absl::SkipEmpty());
  if (words.empty()) return SqlOrder{"id", false, true};
  const bool has_direction =
      words.size() == 2 && (words[1] == "desc" || words[1] == "asc");
  const bool is_known = words[0] == "id" || words[0] == "create_time" ||
                        words[0] == "name" || words[0] == "state";
  if (is_known && (words.size() == 1 || has_direction)) {
    return SqlOrder{words[0], words[0] == "name",
                    has_direction && words[1] == "desc"};
  }
  const Violation violation{
      "order_by",
      absl::StrCat("order_by is `", order_by,
                   "`; it is id, create_time, name or state, each with an "
                   "optional ` desc`")};
  return MakeBadRequest(reasons::kInvalidOrder, {violation});
}

}  // namespace atelier::server
