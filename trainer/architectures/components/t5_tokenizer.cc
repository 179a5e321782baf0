#include "trainer/architectures/components/t5_tokenizer.h"

#include <filesystem>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

// Where tokenizer_dir keeps the vocabulary: as deploy/setup.sh unpacks it, or
// as a Diffusers folder of SD3 or FLUX.1 has it.
constexpr const char* kT5Vocabularies[] = {
    "t5/spiece.model",
    "diffsynth/tokenizer_configs/stable_diffusion_3/tokenizer_3/spiece.model",
    "stable_diffusion_3/tokenizer_3/spiece.model",
    "tokenizer_3/spiece.model",
    "tokenizer_2/spiece.model",
    "spiece.model"};

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// Where the vocabulary is; empty if it is nowhere.
std::string FindVocabulary(const std::string& tokenizer_dir,
                           const std::string& weights) {
  for (const char* name : kT5Vocabularies) {
    const std::string path = absl::StrCat(tokenizer_dir, "/", name);
    if (Exists(path)) return path;
  }
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::is_directory(weights, error)
          ? std::filesystem::path(weights)
          : std::filesystem::path(weights).parent_path();
  for (const char* name : {"spiece.model", "tokenizer_3/spiece.model",
                           "tokenizer_2/spiece.model"}) {
    const std::string path = (folder / name).string();
    if (Exists(path)) return path;
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> OpenT5Vocabulary(
    const std::string& tokenizer_dir, const std::string& weights) {
  const std::string path = FindVocabulary(tokenizer_dir, weights);
  if (path.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no T5 tokenizer in tokenizer_dir `", tokenizer_dir, "`; expected ",
        kT5Vocabularies[0], " or ", kT5Vocabularies[1],
        ", which deploy/setup.sh unpacks, or spiece.model beside ",
        weights.empty() ? "the encoder's file" : weights));
  }
  return SentencePieceTokenizer::Open(path);
}

absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> OpenT5Tokenizer(
    const std::string& tokenizer_dir, const LoadedT5& t5) {
  const std::string& weights = t5.found.source->path();
  ASSIGN_OR_RETURN(auto tokenizer, OpenT5Vocabulary(tokenizer_dir, weights));
  const int64_t known = t5.encoder->shared->weight.size(0);
  if (tokenizer->vocabulary() <= known) return tokenizer;
  return absl::InvalidArgumentError(
      absl::StrCat("the vocabulary has ", tokenizer->vocabulary(),
                   " pieces, the T5 text encoder of ", weights, " knows ",
                   known, "; give the vocabulary that belongs to it"));
}

}  // namespace atelier::trainer
