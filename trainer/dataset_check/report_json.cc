#include "trainer/dataset_check/report_json.h"

#include "nlohmann/json.hpp"

namespace atelier::trainer {
namespace {

using Json = nlohmann::ordered_json;

Json SubsetJson(const SubsetCounts& subset) {
  return {{"dataset", subset.dataset},
          {"source", subset.source},
          {"class_tokens", subset.class_tokens},
          {"is_regularization", subset.is_regularization},
          {"images", subset.images},
          {"held_out", subset.held_out},
          {"repeats", subset.repeats},
          {"samples", subset.samples},
          {"own_captions", subset.own_captions},
          {"with_alpha", subset.with_alpha},
          {"with_mask", subset.with_mask}};
}

Json BucketJson(const BucketCounts& bucket) {
  return {{"dataset", bucket.dataset},
          {"width", bucket.width},
          {"height", bucket.height},
          {"images", bucket.images},
          {"samples", bucket.samples},
          {"batch_size", bucket.batch_size},
          {"batches", bucket.batches},
          {"last_batch", bucket.last_batch},
          {"aspect_error", bucket.aspect_error},
          {"cropped", bucket.cropped},
          {"enlarged", bucket.enlarged}};
}

Json CountedJson(const std::vector<std::pair<std::string, int64_t>>& counted,
                 const char* name) {
  Json list = Json::array();
  for (const auto& [text, images] : counted) {
    list.push_back({{name, text}, {"images", images}});
  }
  return list;
}

Json CaptionsJson(const CaptionCounts& captions) {
  return {{"captions", captions.captions},
          {"empty", captions.empty},
          {"distinct", captions.distinct},
          {"shortest", captions.shortest},
          {"longest", captions.longest},
          {"mean", captions.mean},
          {"distinct_tags", captions.distinct_tags},
          {"tags", CountedJson(captions.tags, "tag")},
          {"repeated", CountedJson(captions.repeated, "caption")}};
}

Json TokensJson(const TokenCounts& tokens) {
  Json longest = Json::array();
  for (const LongCaption& caption : tokens.captions) {
    longest.push_back({{"image", caption.image},
                       {"tokens", caption.tokens},
                       {"caption", caption.caption}});
  }
  return {{"tokenizer", tokens.tokenizer},
          {"limit", tokens.limit},
          {"mean", tokens.mean},
          {"longest", tokens.longest},
          {"over_limit", tokens.over_limit},
          {"captions", longest}};
}

Json StepsJson(const StepCounts& steps) {
  return {{"samples_per_epoch", steps.samples_per_epoch},
          {"batches_per_epoch", steps.batches_per_epoch},
          {"gradient_accumulation_steps", steps.gradient_accumulation_steps},
          {"steps_per_epoch", steps.steps_per_epoch},
          {"total_epochs", steps.total_epochs},
          {"total_steps", steps.total_steps}};
}

template <typename Item>
Json ListJson(const std::vector<Item>& items, Json (*to_json)(const Item&)) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(to_json(item));
  return list;
}

Json BrokenJson(const BadFile& file) {
  return {{"image", file.image}, {"problem", file.problem}};
}

}  // namespace

std::string ReportToJson(const DatasetReport& report) {
  Json json;
  json["architecture"] = report.architecture;
  json["train_images"] = report.train_images;
  json["regularization_images"] = report.regularization_images;
  json["train_samples"] = report.train_samples;
  json["regularization_samples"] = report.regularization_samples;
  json["held_out"] = report.held_out;
  json["subsets"] = ListJson(report.subsets, &SubsetJson);
  json["buckets"] = ListJson(report.buckets, &BucketJson);
  json["mean_aspect_error"] = report.mean_aspect_error;
  json["captions"] = CaptionsJson(report.captions);
  json["tokens"] = ListJson(report.tokens, &TokensJson);
  json["steps"] = StepsJson(report.steps);
  json["broken"] = ListJson(report.broken, &BrokenJson);
  json["decoded"] = report.decoded;
  json["duplicates"] = report.duplicates;
  json["near_duplicates"] = report.near_duplicates;
  json["pictures"] = report.pictures;
  json["warnings"] = report.warnings;
  json["scan_seconds"] = report.scan_seconds;
  // File names need not be UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace atelier::trainer
