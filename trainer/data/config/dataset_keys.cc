#include "trainer/data/config/dataset_keys.h"

#include <array>
#include <limits>
#include <type_traits>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "proto/cc/suggestion.h"

namespace atelier::trainer {
namespace {

constexpr int kG = static_cast<int>(ConfigLevel::kGeneral);
constexpr int kD = static_cast<int>(ConfigLevel::kDataset);
constexpr int kS = static_cast<int>(ConfigLevel::kSubset);
constexpr double kInf = std::numeric_limits<double>::infinity();

struct OptionsPair {
  DatasetOptions* dataset;
  SubsetOptions* subset;
};

// Reads a key of its own kind; returns what is wrong with it, or nothing.
using SpecialReader = std::string (*)(const toml::node& node,
                                      OptionsPair options);
using Target =
    std::variant<int DatasetOptions::*, bool DatasetOptions::*,
                 std::string SubsetOptions::*, int64_t SubsetOptions::*,
                 bool SubsetOptions::*, std::string CaptionOptions::*,
                 int64_t CaptionOptions::*, double CaptionOptions::*,
                 bool CaptionOptions::*, SpecialReader>;

struct KeyRule {
  absl::string_view name;
  int levels;
  Target target;
  double min = -kInf;
  double max = kInf;
};

std::string Found(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return absl::StrCat("the text \"", text->get(), "\"");
  }
  if (const auto* number = node.as_integer())
    return absl::StrCat(number->get());
  if (const auto* number = node.as_floating_point()) {
    return absl::StrCat(number->get());
  }
  if (const auto* flag = node.as_boolean())
    return flag->get() ? "true" : "false";
  if (node.is_array()) return "a list";
  return node.is_table() ? "a table" : "a date or time";
}

std::string ReadResolution(const toml::node& node, OptionsPair options) {
  int64_t width = 0;
  int64_t height = 0;
  if (const auto* side = node.as_integer()) {
    width = height = side->get();
  } else if (const auto* sides = node.as_array();
             sides != nullptr && sides->size() == 2 &&
             (*sides)[0].is_integer() && (*sides)[1].is_integer()) {
    width = (*sides)[0].as_integer()->get();
    height = (*sides)[1].as_integer()->get();
  } else {
    return absl::StrCat("expected SIZE or [WIDTH, HEIGHT] in pixels, found ",
                        Found(node));
  }
  constexpr int64_t kMax = 32768;
  if (width < 1 || width > kMax || height < 1 || height > kMax) {
    return absl::StrCat("is ", width, "x", height, "; sides are 1 to ", kMax,
                        " pixels");
  }
  options.dataset->width = static_cast<int>(width);
  options.dataset->height = static_cast<int>(height);
  return "";
}

std::string ReadInterpolation(const toml::node& node, OptionsPair options) {
  constexpr absl::string_view kNames =
      "lanczos nearest bilinear linear bicubic cubic area";
  const auto* text = node.as_string();
  if (text == nullptr ||
      !absl::StrContains(absl::StrCat(" ", kNames, " "),
                         absl::StrCat(" ", text->get(), " "))) {
    return absl::StrCat("expected one of ", kNames, ", found ", Found(node));
  }
  options.subset->resize_interpolation = text->get();
  return "";
}

// Keys that users' files have and that change nothing here.
std::string PassOver(const toml::node&, OptionsPair) { return ""; }

std::string RefuseMasks(const toml::node& node, OptionsPair) {
  const auto* flag = node.as_boolean();
  if (flag != nullptr && !flag->get()) return "";
  return "masks are not supported; remove this key to train on whole images";
}

std::string RefuseFaceCrop(const toml::node&, OptionsPair) {
  return "face crops are not supported; remove this key";
}

std::string RefuseValidation(const toml::node& node, OptionsPair) {
  if (node.value<double>().value_or(1) == 0) return "";
  return "a validation split is not supported; set it to 0 or remove it";
}

std::string CheckSeparator(const toml::node& node, OptionsPair options) {
  const auto* text = node.as_string();
  if (text == nullptr || text->get().empty()) {
    return absl::StrCat("expected a text of one character or more, found ",
                        Found(node));
  }
  options.subset->caption.separator = text->get();
  return "";
}

const auto kRules = std::to_array<KeyRule>({
    {"resolution", kG | kD, &ReadResolution},
    {"batch_size", kG | kD, &DatasetOptions::batch_size, 1, 4096},
    {"enable_bucket", kG | kD, &DatasetOptions::enable_bucket},
    {"min_bucket_reso", kG | kD, &DatasetOptions::min_bucket_reso, 1, 32768},
    {"max_bucket_reso", kG | kD, &DatasetOptions::max_bucket_reso, 1, 32768},
    {"bucket_reso_steps", kG | kD, &DatasetOptions::bucket_reso_steps, 1, 4096},
    {"bucket_no_upscale", kG | kD, &DatasetOptions::bucket_no_upscale},
    {"validation_split", kG | kD, &RefuseValidation},
    {"validation_seed", kG | kD, &PassOver},
    {"network_multiplier", kG | kD, &PassOver},
    {"resize_interpolation", kG | kD | kS, &ReadInterpolation},
    {"num_repeats", kG | kD | kS, &SubsetOptions::num_repeats, -kInf, 1e6},
    {"caption_extension", kG | kD | kS, &SubsetOptions::caption_extension},
    {"class_tokens", kG | kD | kS, &SubsetOptions::class_tokens},
    {"flip_aug", kG | kD | kS, &SubsetOptions::flip_aug},
    {"color_aug", kG | kD | kS, &SubsetOptions::color_aug},
    {"random_crop", kG | kD | kS, &SubsetOptions::random_crop},
    {"face_crop_aug_range", kG | kD | kS, &RefuseFaceCrop},
    {"shuffle_caption", kG | kD | kS, &CaptionOptions::shuffle},
    {"keep_tokens", kG | kD | kS, &CaptionOptions::keep_tokens, 0},
    {"caption_separator", kG | kD | kS, &CheckSeparator},
    {"keep_tokens_separator", kG | kD | kS,
     &CaptionOptions::keep_tokens_separator},
    {"secondary_separator", kG | kD | kS, &CaptionOptions::secondary_separator},
    {"enable_wildcard", kG | kD | kS, &CaptionOptions::enable_wildcard},
    {"caption_prefix", kG | kD | kS, &CaptionOptions::prefix},
    {"caption_suffix", kG | kD | kS, &CaptionOptions::suffix},
    {"token_warmup_min", kG | kD | kS, &CaptionOptions::token_warmup_min, 0},
    {"token_warmup_step", kG | kD | kS, &CaptionOptions::token_warmup_step, 0},
    {"caption_dropout_rate", kG | kD | kS, &CaptionOptions::dropout_rate, 0, 1},
    {"caption_dropout_every_n_epochs", kG | kD | kS,
     &CaptionOptions::dropout_every_n_epochs, 0},
    {"caption_tag_dropout_rate", kG | kD | kS,
     &CaptionOptions::tag_dropout_rate, 0, 1},
    {"custom_attributes", kG | kD | kS, &PassOver},
    {"cache_info", kG | kD | kS, &PassOver},
    {"image_dir", kS, &SubsetOptions::image_dir},
    {"is_reg", kS, &SubsetOptions::is_reg},
    {"alpha_mask", kS, &RefuseMasks},
    {"metadata_file", kS, &SubsetOptions::metadata_file},
    {"conditioning_data_dir", kS, &RefuseMasks},
});

std::string CheckRange(const KeyRule& rule, double value) {
  if (value >= rule.min && value <= rule.max) return "";
  if (rule.min == -kInf) {
    return absl::StrCat("is ", value, "; must be at most ", rule.max);
  }
  if (rule.max == kInf) {
    return absl::StrCat("is ", value, "; must be at least ", rule.min);
  }
  return absl::StrCat("is ", value, "; must be from ", rule.min, " to ",
                      rule.max);
}

std::string AssignValue(const toml::node& node, const KeyRule&, bool& field) {
  const auto* value = node.as_boolean();
  if (value == nullptr)
    return absl::StrCat("expected true or false, found ", Found(node));
  field = value->get();
  return "";
}

std::string AssignValue(const toml::node& node, const KeyRule&,
                        std::string& field) {
  const auto* value = node.as_string();
  if (value == nullptr)
    return absl::StrCat("expected a text, found ", Found(node));
  field = value->get();
  return "";
}

std::string AssignValue(const toml::node& node, const KeyRule& rule,
                        double& field) {
  const auto value = node.value<double>();
  if (!node.is_number() || !value.has_value()) {
    return absl::StrCat("expected a number, found ", Found(node));
  }
  field = *value;
  return CheckRange(rule, *value);
}

template <typename Integer>
requires std::is_integral_v<Integer> std::string AssignValue(
    const toml::node& node, const KeyRule& rule, Integer& field) {
  const auto* value = node.as_integer();
  if (value == nullptr) {
    return absl::StrCat("expected a whole number, found ", Found(node));
  }
  std::string problem = CheckRange(rule, static_cast<double>(value->get()));
  if (problem.empty()) field = static_cast<Integer>(value->get());
  return problem;
}

struct Assigner {
  const toml::node& node;
  const KeyRule& rule;
  OptionsPair options;

  template <typename Field>
  std::string operator()(Field DatasetOptions::*field) const {
    return AssignValue(node, rule, options.dataset->*field);
  }
  template <typename Field>
  std::string operator()(Field SubsetOptions::*field) const {
    return AssignValue(node, rule, options.subset->*field);
  }
  template <typename Field>
  std::string operator()(Field CaptionOptions::*field) const {
    return AssignValue(node, rule, options.subset->caption.*field);
  }
  std::string operator()(SpecialReader reader) const {
    return reader(node, options);
  }
};

const KeyRule* FindRule(absl::string_view name) {
  for (const KeyRule& rule : kRules) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

std::string UnknownKey(const std::string& name, int level) {
  std::vector<std::string> known;
  for (const KeyRule& rule : kRules) {
    if (rule.levels & level) known.emplace_back(rule.name);
  }
  return absl::StrCat("unknown key", DidYouMean(name, known));
}

std::string WrongLevel(int levels) {
  std::vector<absl::string_view> places;
  if (levels & kG) places.push_back("[general]");
  if (levels & kD) places.push_back("[[datasets]]");
  if (levels & kS) places.push_back("[[datasets.subsets]]");
  return absl::StrCat("does not belong here but into ",
                      absl::StrJoin(places, " or "));
}

}  // namespace

std::string PlaceOf(const toml::node& node) {
  const toml::source_region& source = node.source();
  return absl::StrCat(source.path ? *source.path : "", ":", source.begin.line,
                      ":", source.begin.column, ": ");
}

void ApplyKeys(const toml::table& table, ConfigLevel level,
               const std::string& where, DatasetOptions* dataset,
               SubsetOptions* subset, ConfigReport* report) {
  const int bit = static_cast<int>(level);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (bit == kD && name == "subsets") continue;
    const KeyRule* rule = FindRule(name);
    std::string problem;
    if (rule == nullptr) {
      problem = UnknownKey(name, bit);
    } else if ((rule->levels & bit) == 0) {
      problem = WrongLevel(rule->levels);
    } else {
      problem =
          std::visit(Assigner{node, *rule, {dataset, subset}}, rule->target);
    }
    if (problem.empty()) continue;
    report->errors.push_back(
        absl::StrCat(PlaceOf(node), where, ".", name, ": ", problem));
  }
}

}  // namespace atelier::trainer
