#include "trainer/data/caption.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "trainer/data/text_line.h"

namespace atelier::trainer {
namespace {

using Tags = std::vector<std::string>;

// Stand for `{{` and `}}` while wildcards are replaced; they cannot be in a
// caption, which is UTF-8.
constexpr absl::string_view kOpen = "\xff\x01";
constexpr absl::string_view kClose = "\xff\x02";

std::string PickLine(const std::string& caption, CaptionRandom& random) {
  if (!absl::StrContains(caption, '\n')) return caption;
  const Tags lines = absl::StrSplit(caption, '\n');
  return lines[random.Choose(static_cast<int64_t>(lines.size()))];
}

// Replaces each `{a|b|c}`, from the left; `{}` is no wildcard.
std::string PickWildcards(const std::string& caption, CaptionRandom& random) {
  const std::string text =
      absl::StrReplaceAll(caption, {{"{{", kOpen}, {"}}", kClose}});
  std::string result;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text[at] == '{' ? text.find('}', at) : at;
    if (end == std::string::npos || end < at + 2) {
      result += text[at++];
      continue;
    }
    const Tags choices = absl::StrSplit(text.substr(at + 1, end - at - 1), '|');
    result += choices[random.Choose(static_cast<int64_t>(choices.size()))];
    at = end + 1;
  }
  return absl::StrReplaceAll(result, {{kOpen, "{"}, {kClose, "}"}});
}

Tags SplitTags(absl::string_view text, const std::string& separator,
               bool keep_empty) {
  Tags tags;
  for (absl::string_view tag : absl::StrSplit(text, separator)) {
    tag = StripWhitespace(tag);
    if (keep_empty || !tag.empty()) tags.emplace_back(tag);
  }
  return tags;
}

struct TagGroups {
  Tags fixed;
  Tags flexible;
  Tags suffix;
};

TagGroups GroupTags(const CaptionOptions& options, const std::string& caption) {
  TagGroups groups;
  const std::string& keep = options.keep_tokens_separator;
  if (!keep.empty() && absl::StrContains(caption, keep)) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(caption, absl::MaxSplits(keep, 2));
    groups.fixed = SplitTags(parts[0], options.separator, false);
    groups.flexible = SplitTags(parts[1], options.separator, false);
    if (parts.size() > 2) {
      groups.suffix = SplitTags(parts[2], options.separator, false);
    }
    return groups;
  }
  groups.flexible =
      SplitTags(StripWhitespace(caption), options.separator, true);
  const int64_t kept = std::min<int64_t>(
      options.keep_tokens, static_cast<int64_t>(groups.flexible.size()));
  const auto split = groups.flexible.begin() + kept;
  groups.fixed.assign(groups.flexible.begin(), split);
  groups.flexible.erase(groups.flexible.begin(), split);
  return groups;
}

void WarmUp(const CaptionOptions& options, const CaptionMoment& moment,
            Tags& tags) {
  double steps = options.token_warmup_step;
  if (steps < 1) {
    steps = std::floor(steps * static_cast<double>(moment.max_train_steps));
  }
  if (steps <= 0 || static_cast<double>(moment.step) >= steps) return;
  const double slope = static_cast<double>(static_cast<int64_t>(tags.size()) -
                                           options.token_warmup_min) /
                       steps;
  const int64_t count = static_cast<int64_t>(std::floor(
                            static_cast<double>(moment.step) * slope)) +
                        options.token_warmup_min;
  if (count < static_cast<int64_t>(tags.size())) {
    tags.resize(static_cast<size_t>(std::max<int64_t>(count, 0)));
  }
}

void Shuffle(CaptionRandom& random, Tags& tags) {
  Tags shuffled;
  for (int64_t from : random.Permute(static_cast<int64_t>(tags.size()))) {
    shuffled.push_back(tags[from]);
  }
  tags = std::move(shuffled);
}

std::string ArrangeTags(const CaptionOptions& options,
                        const std::string& caption, const CaptionMoment& moment,
                        CaptionRandom& random) {
  TagGroups groups = GroupTags(options, caption);
  WarmUp(options, moment, groups.flexible);
  if (options.shuffle) Shuffle(random, groups.flexible);
  if (options.tag_dropout_rate > 0) {
    Tags kept;
    for (std::string& tag : groups.flexible) {
      if (random.Uniform() >= options.tag_dropout_rate) {
        kept.push_back(std::move(tag));
      }
    }
    groups.flexible = std::move(kept);
  }
  Tags all = std::move(groups.fixed);
  all.insert(all.end(), groups.flexible.begin(), groups.flexible.end());
  all.insert(all.end(), groups.suffix.begin(), groups.suffix.end());
  return absl::StrJoin(all, ", ");
}

bool IsDropped(const CaptionOptions& options, const CaptionMoment& moment,
               CaptionRandom& random) {
  if (options.dropout_rate > 0 && random.Uniform() < options.dropout_rate) {
    return true;
  }
  return options.dropout_every_n_epochs > 0 &&
         moment.epoch % options.dropout_every_n_epochs == 0;
}

}  // namespace

int64_t StreamCaptionRandom::Choose(int64_t count) {
  return static_cast<int64_t>(rng_.Below(static_cast<uint64_t>(count)));
}

std::vector<int64_t> StreamCaptionRandom::Permute(int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  // Fisher-Yates, from the end.
  for (int64_t i = count - 1; i > 0; --i)
    std::swap(order[i], order[Choose(i + 1)]);
  return order;
}

std::string ProcessCaption(const CaptionOptions& options,
                           const std::string& caption,
                           const CaptionMoment& moment, CaptionRandom& random) {
  std::string text = caption;
  if (!options.prefix.empty()) text = options.prefix + " " + text;
  if (!options.suffix.empty()) text += " " + options.suffix;
  if (IsDropped(options, moment, random)) return "";

  if (options.enable_wildcard) {
    text = PickWildcards(PickLine(text, random), random);
  } else {
    text = text.substr(0, text.find('\n'));
  }
  if (options.shuffle || options.token_warmup_step > 0 ||
      options.tag_dropout_rate > 0) {
    text = ArrangeTags(options, text, moment, random);
  }
  if (!options.secondary_separator.empty()) {
    text = absl::StrReplaceAll(
        text, {{options.secondary_separator, options.separator}});
  }
  return text;
}

}  // namespace atelier::trainer
