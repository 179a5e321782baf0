#include "trainer/data/config/dataset_keys.h"

#include <array>
#include <limits>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "proto/cc/dataset_file.h"
#include "proto/cc/suggestion.h"
#include "trainer/data/config/key_values.h"

namespace atelier::trainer {
namespace {

constexpr int kG = static_cast<int>(ConfigLevel::kGeneral);
constexpr int kD = static_cast<int>(ConfigLevel::kDataset);
constexpr int kS = static_cast<int>(ConfigLevel::kSubset);
constexpr double kInf = std::numeric_limits<double>::infinity();

using Target =
    std::variant<int DatasetOptions::*, bool DatasetOptions::*,
                 std::string SubsetOptions::*, int64_t SubsetOptions::*,
                 bool SubsetOptions::*, std::string CaptionOptions::*,
                 int64_t CaptionOptions::*, double CaptionOptions::*,
                 bool CaptionOptions::*, ValueReader>;

struct KeyRule {
  absl::string_view name;
  int levels;
  Target target;
  double min = -kInf;
  double max = kInf;
  // Why the key has no effect; null: it has one.
  const char* without_effect = nullptr;
};

constexpr char kForNetworks[] =
    "scales networks such as LoRA; here the model's own weights are trained";
constexpr char kUnused[] = "nothing reads it in full fine-tuning";
constexpr char kNoCacheOfSizes[] =
    "sizes and captions are read anew for every run, which is quick and never "
    "stale";

const auto kRules = std::to_array<KeyRule>({
    {"resolution", kG | kD, &ReadResolution},
    {"batch_size", kG | kD, &DatasetOptions::batch_size, 1, 4096},
    {"enable_bucket", kG | kD, &DatasetOptions::enable_bucket},
    {"min_bucket_reso", kG | kD, &DatasetOptions::min_bucket_reso, 1, 32768},
    {"max_bucket_reso", kG | kD, &DatasetOptions::max_bucket_reso, 1, 32768},
    {"bucket_reso_steps", kG | kD, &DatasetOptions::bucket_reso_steps, 1, 4096},
    {"bucket_no_upscale", kG | kD, &DatasetOptions::bucket_no_upscale},
    {"validation_split", kG | kD, &ReadValidationSplit},
    {"validation_seed", kG | kD, &ReadValidationSeed},
    {"network_multiplier", kG | kD, &PassNumber, -kInf, kInf, kForNetworks},
    {"resize_interpolation", kG | kD | kS, &ReadInterpolation},
    {"num_repeats", kG | kD | kS, &SubsetOptions::num_repeats, -kInf, 1e6},
    {"caption_extension", kG | kD | kS, &SubsetOptions::caption_extension},
    {"class_tokens", kG | kD | kS, &SubsetOptions::class_tokens},
    {"flip_aug", kG | kD | kS, &SubsetOptions::flip_aug},
    {"color_aug", kG | kD | kS, &SubsetOptions::color_aug},
    {"random_crop", kG | kD | kS, &SubsetOptions::random_crop},
    {"face_crop_aug_range", kG | kD | kS, &ReadFaceCropRange},
    {"shuffle_caption", kG | kD | kS, &CaptionOptions::shuffle},
    {"keep_tokens", kG | kD | kS, &CaptionOptions::keep_tokens, 0},
    {"caption_separator", kG | kD | kS, &ReadSeparator},
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
    {"custom_attributes", kG | kD | kS, &PassTable, -kInf, kInf, kUnused},
    {"cache_info", kG | kD | kS, &PassFlag, -kInf, kInf, kNoCacheOfSizes},
    {"image_dir", kS, &SubsetOptions::image_dir},
    {"is_reg", kS, &SubsetOptions::is_reg},
    {"is_val", kS, &SubsetOptions::is_val},
    {"alpha_mask", kS, &SubsetOptions::alpha_mask},
    {"metadata_file", kS, &SubsetOptions::metadata_file},
    {"conditioning_data_dir", kS, &SubsetOptions::conditioning_data_dir},
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
  std::string operator()(ValueReader reader) const {
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
    if (!problem.empty()) {
      report->errors.push_back(absl::StrCat(PlaceIn(report->file, node), where,
                                            ".", name, ": ", problem));
    } else if (rule->without_effect != nullptr) {
      report->WarnOnce(
          absl::StrCat(name, " has no effect: ", rule->without_effect));
    }
  }
}

}  // namespace atelier::trainer
