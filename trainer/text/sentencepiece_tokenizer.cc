#include "trainer/text/sentencepiece_tokenizer.h"

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/mapped_file.h"
#include "trainer/text/sentencepiece/model_file.h"
#include "trainer/text/sentencepiece/normalizer.h"
#include "trainer/text/sentencepiece/segmenter.h"

namespace atelier::trainer {
namespace {

// The ids of the pieces `<0x00>` to `<0xFF>`.
absl::StatusOr<std::array<int64_t, 256>> ByteIds(
    const SentencePieceFile& file) {
  std::array<int64_t, 256> ids;
  ids.fill(file.unknown_id);
  if (!file.byte_fallback) return ids;
  for (size_t byte = 0; byte < ids.size(); ++byte) {
    const std::string name = absl::StrFormat("<0x%02X>", byte);
    size_t id = 0;
    while (id < file.pieces.size() && file.pieces[id].text != name) ++id;
    if (id == file.pieces.size() || file.pieces[id].type != PieceType::kByte) {
      return absl::InvalidArgumentError(
          absl::StrCat("it has no piece `", name, "`"));
    }
    ids[byte] = static_cast<int64_t>(id);
  }
  return ids;
}

}  // namespace

// One of the segmenters is there.
struct SentencePieceTokenizer::Model {
  Model(std::unique_ptr<SentencePieceFile> loaded,
        SentencePieceNormalizer made_normalizer,
        const std::array<int64_t, 256>& ids_of_bytes)
      : file(std::move(loaded)),
        normalizer(std::move(made_normalizer)),
        byte_ids(ids_of_bytes) {
    if (file->model == PieceModel::kUnigram) {
      unigram.emplace(*file);
    } else {
      bpe.emplace(*file);
    }
  }

  std::vector<Segment> Segments(std::string_view text) const {
    return unigram.has_value() ? unigram->Segments(text) : bpe->Segments(text);
  }

  std::unique_ptr<SentencePieceFile> file;
  SentencePieceNormalizer normalizer;
  std::array<int64_t, 256> byte_ids;
  std::optional<UnigramSegmenter> unigram;
  std::optional<BpeSegmenter> bpe;
};

absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>>
SentencePieceTokenizer::Open(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return Parse({file->bytes().data(), file->bytes().size()}, path);
}

absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>>
SentencePieceTokenizer::Parse(std::string_view model,
                              const std::string& origin) {
  ASSIGN_OR_RETURN(SentencePieceFile parsed,
                   ParseSentencePieceFile(model, origin));
  auto file = std::make_unique<SentencePieceFile>(std::move(parsed));
  auto normalizer = SentencePieceNormalizer::Make(*file);
  const auto byte_ids = ByteIds(*file);
  for (const absl::Status& status : {normalizer.status(), byte_ids.status()}) {
    if (status.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        origin, " is not a usable SentencePiece model: ", status.message()));
  }
  return std::unique_ptr<SentencePieceTokenizer>(
      new SentencePieceTokenizer(std::make_unique<Model>(
          std::move(file), *std::move(normalizer), *byte_ids)));
}

SentencePieceTokenizer::SentencePieceTokenizer(std::unique_ptr<Model> model)
    : model_(std::move(model)) {}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

int64_t SentencePieceTokenizer::vocabulary() const {
  return static_cast<int64_t>(model_->file->pieces.size());
}

std::vector<int64_t> SentencePieceTokenizer::Encode(
    const std::string& text) const {
  const std::string normalized = model_->normalizer.Normalize(text);
  std::vector<int64_t> ids;
  bool after_unknown = false;
  for (const Segment& segment : model_->Segments(normalized)) {
    const bool is_unknown = segment.id == model_->file->unknown_id;
    if (is_unknown && model_->file->byte_fallback) {
      for (const char c : segment.text) {
        ids.push_back(model_->byte_ids[static_cast<unsigned char>(c)]);
      }
      continue;
    }
    // Unknown characters in a row are one piece.
    if (!is_unknown || !after_unknown) ids.push_back(segment.id);
    after_unknown = is_unknown;
  }
  return ids;
}

SentencePieceFrame T5Frame(int64_t length) {
  SentencePieceFrame frame;
  frame.end_id = 1;
  frame.length = length;
  return frame;
}

SentencePieceFrame GemmaFrame(int64_t length) {
  SentencePieceFrame frame;
  frame.begin_id = 2;
  frame.length = length;
  return frame;
}

SentencePieceRows EncodeRows(const SentencePieceTokenizer& tokenizer,
                             absl::Span<const std::string> captions,
                             const SentencePieceFrame& frame) {
  const auto rows = static_cast<int64_t>(captions.size());
  SentencePieceRows result = {
      torch::full({rows, frame.length}, frame.pad_id, torch::kInt64),
      torch::zeros({rows, frame.length}, torch::kInt64)};
  const size_t room =
      static_cast<size_t>(frame.length) - (frame.end_id.has_value() ? 1 : 0);
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<int64_t> ids =
        tokenizer.Encode(captions[static_cast<size_t>(row)]);
    if (frame.begin_id.has_value()) ids.insert(ids.begin(), *frame.begin_id);
    if (ids.size() > room) ids.resize(room);
    if (frame.end_id.has_value()) ids.push_back(*frame.end_id);
    const auto count = static_cast<int64_t>(ids.size());
    result.ids[row].slice(0, 0, count).copy_(torch::tensor(ids, torch::kInt64));
    result.mask[row].slice(0, 0, count).fill_(1);
  }
  return result;
}

}  // namespace atelier::trainer
