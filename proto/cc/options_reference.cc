#include "proto/cc/options_reference.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "proto/cc/enum_name.h"

namespace atelier {
namespace {

using google::protobuf::FieldDescriptor;

constexpr absl::string_view kIndent = "      ";

std::string RangeText(const v1::OptionInfo& info) {
  std::vector<std::string> parts;
  if (info.has_min()) {
    parts.push_back(absl::StrCat(info.min_exclusive() ? "> " : ">= ",
                                 ValueText(info.min())));
  }
  if (info.has_max()) {
    parts.push_back(absl::StrCat(info.max_exclusive() ? "< " : "<= ",
                                 ValueText(info.max())));
  }
  return absl::StrJoin(parts, " and ");
}

std::string DefaultText(const Option& option, v1::Architecture architecture) {
  std::vector<std::string> parts;
  const std::string value = option.DefaultFor(architecture);
  if (!value.empty()) parts.push_back(value);
  if (architecture == v1::ARCHITECTURE_UNSPECIFIED) {
    for (const auto& own : option.info.architecture_defaults()) {
      parts.push_back(
          absl::StrCat(ArchitectureName(own.architecture()), " ", own.value()));
    }
  }
  return absl::StrJoin(parts, ", ");
}

std::string TakersText(const Option& option) {
  std::vector<std::string> names;
  for (const int taker : option.info.architectures()) {
    names.push_back(ArchitectureName(static_cast<v1::Architecture>(taker)));
  }
  return absl::StrJoin(names, ", ");
}

// `default 1 · at least 0 · sd1 only`, what holds of the option besides its
// help.
std::vector<std::string> Facts(const Option& option,
                               v1::Architecture architecture) {
  std::vector<std::string> facts;
  const auto add = [&](absl::string_view label, const std::string& text) {
    if (!text.empty()) facts.push_back(absl::StrCat(label, text));
  };
  if (option.info.required()) facts.push_back("required");
  if (!option.is_flag()) add("default ", DefaultText(option, architecture));
  add("", RangeText(option.info));
  if (architecture == v1::ARCHITECTURE_UNSPECIFIED) {
    add("only for ", TakersText(option));
  }
  add("also --", absl::StrJoin(option.info.aliases(), ", --"));
  return facts;
}

void AppendWrapped(absl::string_view text, size_t width, std::string* out) {
  std::string line;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!line.empty() &&
        kIndent.size() + line.size() + 1 + word.size() > width) {
      absl::StrAppend(out, kIndent, line, "\n");
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  absl::StrAppend(out, kIndent, line, "\n");
}

// Calls `enter` at each group's first option, `visit` at each option.
template <typename Enter, typename Visit>
void ForEachOption(v1::Architecture architecture, Enter enter, Visit visit) {
  const FieldDescriptor* group = nullptr;
  for (const Option& option : AllOptions()) {
    const bool shown = architecture == v1::ARCHITECTURE_UNSPECIFIED ||
                       option.TakenBy(architecture);
    if (!shown) continue;
    if (option.group != group) {
      group = option.group;
      enter(group->options().GetExtension(v1::group));
    }
    visit(option);
  }
}

std::string Cell(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}});
}

}  // namespace

std::string ValueName(const Option& option) {
  if (option.is_flag()) return "";
  if (!option.info.value_name().empty()) return option.info.value_name();
  if (option.info.choices_size() > 0) {
    return absl::StrJoin(option.info.choices(), "|");
  }
  switch (option.info.path()) {
    case v1::PATH_KIND_INPUT_FILE:
      return "FILE";
    case v1::PATH_KIND_INPUT_FOLDER:
    case v1::PATH_KIND_OUTPUT_FOLDER:
      return "FOLDER";
    case v1::PATH_KIND_INPUT:
      return "PATH";
    default:
      break;
  }
  switch (option.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return "TEXT";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "NUMBER";
    default:
      return "N";
  }
}

std::string OptionHelp(v1::Architecture architecture, size_t width) {
  std::string out;
  ForEachOption(
      architecture,
      [&](const v1::OptionGroupInfo& group) {
        absl::StrAppend(&out, out.empty() ? "" : "\n", group.title(), ": ",
                        group.help(), "\n");
      },
      [&](const Option& option) {
        const std::string value = ValueName(option);
        absl::StrAppend(&out, "  --", option.name, value.empty() ? "" : " ",
                        value, option.is_list() ? " …" : "", "\n");
        AppendWrapped(option.info.help(), width, &out);
        const auto facts = Facts(option, architecture);
        if (facts.empty()) return;
        AppendWrapped(absl::StrCat("(", absl::StrJoin(facts, "; "), ")"), width,
                      &out);
      });
  return out;
}

std::string OptionReference(v1::Architecture architecture) {
  std::string out = absl::StrCat(
      "# Training options",
      architecture == v1::ARCHITECTURE_UNSPECIFIED ? "" : " of ",
      ArchitectureName(architecture),
      "\n\nAs flags they begin with `--`; in job files they stand as they "
      "are.\n");
  ForEachOption(
      architecture,
      [&](const v1::OptionGroupInfo& group) {
        absl::StrAppend(&out, "\n## ", group.title(), "\n\n", group.help(),
                        "\n\n| option | value | what it does |\n",
                        "| --- | --- | --- |\n");
      },
      [&](const Option& option) {
        const std::string value = option.is_flag() ? "flag" : ValueName(option);
        const auto facts = Facts(option, architecture);
        absl::StrAppend(&out, "| `", option.name, "` | ", Cell(value), " | ",
                        Cell(option.info.help()));
        if (!facts.empty()) {
          absl::StrAppend(&out, " *", Cell(absl::StrJoin(facts, "; ")), "*");
        }
        absl::StrAppend(&out, " |\n");
      });
  return out;
}

}  // namespace atelier
