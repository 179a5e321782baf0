#include "trainer/data/text_file.h"

#include <filesystem>
#include <map>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

// Of what is stored: changes when older files must not be used any more.
constexpr char kFormat[] = "2";
constexpr char kCaptionKey[] = "caption_sha256";
constexpr char kPlacesKey[] = "places";  // undefined ones have no tensor
constexpr size_t kMostPlaces = 64;

}  // namespace

std::string TextFilePath(const FixedCaption& caption,
                         const std::string& encoders) {
  Sha256 digest;
  digest.Update(kFormat);
  digest.Update(encoders);
  digest.Update(caption.text);
  return absl::StrCat(caption.folder, "/", digest.Finish(), ".safetensors");
}

absl::StatusOr<std::vector<Tensor>> ReadTextFile(const std::string& path,
                                                 const std::string& text) {
  std::error_code error;
  if (!fs::exists(path, error)) return absl::NotFoundError(path);
  ASSIGN_OR_RETURN(const auto source, OpenCheckpoint(path));
  const auto& metadata = source->metadata();
  const auto found = metadata.find(kCaptionKey);
  if (found == metadata.end() || found->second != Sha256Of(text)) {
    return absl::DataLossError(absl::StrCat(path, ": not of this caption"));
  }
  const auto places = metadata.find(kPlacesKey);
  size_t count = 0;
  if (places == metadata.end() || !absl::SimpleAtoi(places->second, &count) ||
      count > kMostPlaces) {
    return absl::DataLossError(absl::StrCat(path, ": no number of places"));
  }
  std::vector<Tensor> rows(count);
  for (const auto& [name, info] : source->index()) {
    size_t place = 0;
    if (!absl::SimpleAtoi(name, &place) || place >= count) {
      return absl::DataLossError(absl::StrCat(path, ": unexpected ", name));
    }
    ASSIGN_OR_RETURN(const Tensor tensor, source->Read(name));
    rows[place] = tensor.clone();
  }
  return rows;
}

absl::Status WriteTextFile(const std::string& path, const std::string& text,
                           const std::vector<Tensor>& rows) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  std::map<std::string, Tensor> tensors;
  for (size_t place = 0; place < rows.size(); ++place) {
    if (rows[place].defined()) tensors[absl::StrCat(place)] = rows[place];
  }
  const auto saved = WriteSafetensors(
      path, tensors,
      {{kCaptionKey, Sha256Of(text)}, {kPlacesKey, absl::StrCat(rows.size())}});
  return saved.status();
}

}  // namespace atelier::trainer
