#include "trainer/train/hooks/ledger_file.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "proto/cc/utf8.h"
#include "trainer/checkpoint/atomic_file.h"

namespace atelier::trainer {
namespace {

constexpr char kLedgerFile[] = "loss_ledger.json";
constexpr size_t kCaptionBytes = 120;
constexpr size_t kMostInEvent = 50;

LossLedgerSaved::Image Describe(const DatasetImage& image,
                                const LossLedger::Entry& entry) {
  return {ToUtf8(image.path), CutUtf8(ToUtf8(image.caption), kCaptionBytes),
          entry.count, entry.loss, entry.ratio};
}

}  // namespace

absl::Status WriteLossLedger(const Training& training, const Progress& progress,
                             const std::string& output_dir,
                             Reporter& reporter) {
  const LossLedger& ledger = progress.course.ledger;
  nlohmann::ordered_json json;
  json["step"] = progress.step;
  json["images"] = nlohmann::ordered_json::array();
  LossLedgerSaved event;
  for (const int64_t number : ledger.WorstFirst()) {
    const auto place = static_cast<size_t>(number);
    if (place >= training.index.images.size()) continue;
    LossLedgerSaved::Image image =
        Describe(training.index.images[place], ledger.Of(number));
    json["images"].push_back({{"path", image.path},
                              {"caption", image.caption},
                              {"count", image.count},
                              {"loss", image.loss},
                              {"ratio", image.ratio}});
    ++event.images;
    if (event.worst.size() < kMostInEvent) {
      event.worst.push_back(std::move(image));
    }
  }
  if (event.images == 0) return absl::OkStatus();
  event.path = kLedgerFile;
  ASSIGN_OR_RETURN(
      const SavedFile saved,
      WriteFileAtomically(absl::StrCat(output_dir, "/", kLedgerFile),
                          json.dump(1) + "\n"));
  event.size_bytes = saved.size_bytes;
  event.sha256 = saved.sha256;
  reporter.Send(std::move(event));
  return absl::OkStatus();
}

}  // namespace atelier::trainer
