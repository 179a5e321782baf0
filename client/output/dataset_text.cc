#include "client/output/dataset_text.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "client/output/table.h"
#include "client/output/text.h"

namespace atelier::client {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownLines = 20;
constexpr size_t kShownCaption = 60;

int64_t Number(const Json& json, const char* field) {
  return json.at(field).get<int64_t>();
}

std::string Count(const Json& json, const char* field) {
  return absl::StrCat(Number(json, field));
}

std::string TextField(const Json& json, const char* field) {
  return Printable(json.at(field).get<std::string>());
}

std::string Percent(double share) {
  return absl::StrFormat("%.1f%%", 100 * share);
}

// At most a line's worth, cut between characters.
std::string Shortened(const std::string& text) {
  if (text.size() <= kShownCaption) return text;
  size_t end = kShownCaption;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  return text.substr(0, end) + "…";
}

class ReportPrinter {
 public:
  ReportPrinter(const Json& report, const Context& context)
      : report_(report), out_(context.out) {}

  void Print() const {
    PrintSubsets();
    PrintBuckets();
    PrintSteps();
    PrintCaptions();
    PrintTokens();
    PrintGroups("duplicates", "the same file several times");
    PrintGroups("near_duplicates", "images that look alike");
    PrintLines();
    out_ << std::flush;
  }

 private:
  void Title(const std::string& text) const { out_ << "\n" << text << "\n"; }

  void PrintSubsets() const {
    out_ << "dataset for " << TextField(report_, "architecture") << ": "
         << Count(report_, "train_images") << " training images, "
         << Count(report_, "regularization_images") << " for regularization, "
         << Count(report_, "held_out") << " held out, "
         << report_.at("broken").size() << " broken\n\n";
    Table table({"DATASET", "IMAGES", "REPEATS", "SAMPLES", "CAPTIONS", "ALPHA",
                 "MASKS", "HELD OUT", "KIND", "CLASS TOKENS", "FOLDER"});
    for (const Json& subset : report_.at("subsets")) {
      const int64_t missing =
          Number(subset, "images") - Number(subset, "own_captions");
      table.Add({Count(subset, "dataset"), Count(subset, "images"),
                 Count(subset, "repeats"), Count(subset, "samples"),
                 missing == 0 ? "all" : absl::StrCat("-", missing),
                 Count(subset, "with_alpha"), Count(subset, "with_mask"),
                 Count(subset, "held_out"),
                 subset.at("is_regularization").get<bool>() ? "reg" : "train",
                 TextField(subset, "class_tokens"),
                 TextField(subset, "source")});
    }
    table.Print(out_);
  }

  void PrintBuckets() const {
    Title(
        "buckets (samples an epoch; the last batch of a bucket may be short)");
    int64_t most = 1;
    for (const Json& bucket : report_.at("buckets")) {
      most = std::max(most, Number(bucket, "samples"));
    }
    Table table({"SIZE", "IMAGES", "SAMPLES", "BATCHES", "LAST", "ASPECT ERROR",
                 "CROPPED", "ENLARGED", ""});
    for (const Json& bucket : report_.at("buckets")) {
      const int64_t samples = Number(bucket, "samples");
      constexpr int64_t kBar = 30;
      const auto length =
          static_cast<size_t>(std::max<int64_t>(1, kBar * samples / most));
      table.Add(
          {absl::StrCat(Number(bucket, "width"), "x", Number(bucket, "height")),
           Count(bucket, "images"), absl::StrCat(samples),
           Count(bucket, "batches"),
           absl::StrCat(Number(bucket, "last_batch"), " of ",
                        Number(bucket, "batch_size")),
           absl::StrFormat("%.4f", bucket.at("aspect_error").get<double>()),
           Percent(bucket.at("cropped").get<double>()),
           Count(bucket, "enlarged"), std::string(length, '#')});
    }
    table.Print(out_);
    out_ << absl::StrFormat("mean aspect error: %.4f\n",
                            report_.at("mean_aspect_error").get<double>());
  }

  void PrintSteps() const {
    const Json& steps = report_.at("steps");
    Title("steps");
    out_ << Count(steps, "samples_per_epoch") << " samples in "
         << Count(steps, "batches_per_epoch") << " batches, "
         << Count(steps, "steps_per_epoch") << " steps an epoch ("
         << Count(steps, "gradient_accumulation_steps")
         << " batches a step); the run: " << Count(steps, "total_steps")
         << " steps, " << Count(steps, "total_epochs") << " epochs\n";
    if (Number(report_, "regularization_images") > 0) {
      out_ << Count(report_, "train_samples") << " samples of training images, "
           << Count(report_, "regularization_samples")
           << " of regularization images\n";
    }
  }

  void PrintCaptions() const {
    const Json& captions = report_.at("captions");
    Title("captions");
    out_ << Count(captions, "captions") << " captions, "
         << Count(captions, "distinct") << " distinct, "
         << Count(captions, "empty") << " empty; "
         << Count(captions, "shortest") << " to " << Count(captions, "longest")
         << " bytes long, " << NumberText(captions.at("mean").get<double>())
         << " on average; " << Count(captions, "distinct_tags")
         << " different tags\n";
    PrintCounted("most frequent tags:", captions.at("tags"), "tag");
    PrintCounted("captions of several images:", captions.at("repeated"),
                 "caption");
  }

  void PrintCounted(const char* title, const Json& counted,
                    const char* name) const {
    if (counted.empty()) return;
    out_ << title << "\n";
    for (size_t i = 0; i < std::min(counted.size(), kShownLines); ++i) {
      out_ << absl::StrFormat("  %6d  ", Number(counted[i], "images"))
           << Shortened(TextField(counted[i], name)) << "\n";
    }
  }

  void PrintTokens() const {
    if (report_.at("tokens").empty()) return;
    Title("longest captions in tokens");
    for (const Json& tokens : report_.at("tokens")) {
      out_ << TextField(tokens, "tokenizer") << ": " << Count(tokens, "longest")
           << " at most, " << NumberText(tokens.at("mean").get<double>())
           << " on average; " << Count(tokens, "limit") << " are read";
      const int64_t over = Number(tokens, "over_limit");
      if (over > 0) out_ << "; WARNING: the end of " << over << " is cut off";
      out_ << "\n";
      for (const Json& caption : tokens.at("captions")) {
        out_ << absl::StrFormat("  %6d  ", Number(caption, "tokens"))
             << TextField(caption, "image") << ": "
             << Shortened(TextField(caption, "caption")) << "\n";
      }
    }
  }

  void PrintGroups(const char* field, const char* title) const {
    const Json& groups = report_.at(field);
    if (groups.empty()) return;
    Title(absl::StrCat(title, " (", groups.size(), ")"));
    for (size_t i = 0; i < std::min(groups.size(), kShownLines); ++i) {
      for (size_t j = 0; j < groups[i].size(); ++j) {
        out_ << (j == 0 ? "  " : "  = ")
             << Printable(groups[i][j].get<std::string>()) << "\n";
      }
    }
  }

  void PrintLines() const {
    if (!report_.at("broken").empty()) {
      Title("broken files");
      for (const Json& file : report_.at("broken")) {
        out_ << "  " << TextField(file, "problem") << "\n";
      }
    } else if (Number(report_, "decoded") == 0) {
      Title(
          "no file is broken as far as headers tell; pixels were not decoded");
    }
    if (!report_.at("warnings").empty()) Title("warnings");
    for (const Json& warning : report_.at("warnings")) {
      out_ << "  " << Printable(warning.get<std::string>()) << "\n";
    }
    if (!report_.at("pictures").empty()) Title("pictures");
    for (const Json& picture : report_.at("pictures")) {
      out_ << "  " << Printable(picture.get<std::string>()) << "\n";
    }
  }

  const Json& report_;
  std::ostream& out_;
};

}  // namespace

void PrintDatasetReport(const nlohmann::ordered_json& report,
                        const Context& context) {
  ReportPrinter(report, context).Print();
}

}  // namespace atelier::client
