#include "trainer/architectures/lumina2/text_encoder.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/find_component.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer::lumina2 {
namespace {

constexpr char kEmbeddedTokenizer[] = "spiece_model";
constexpr char kTokenizerFile[] = "tokenizer.model";

ComponentPlace Gemma2Place() {
  ComponentPlace place;
  place.what = "the Gemma 2 text encoder";
  place.option = "gemma2";
  place.prefixes = {"text_encoder/", "text_encoder/model.",
                    "text_encoders.gemma2_2b.transformer.model.",
                    "text_encoders.gemma2_2b.model.", "model."};
  // Gemma 2 alone has this norm; Gemma 1 and other language models have not.
  place.signs = {"layers.0.pre_feedforward_layernorm.weight"};
  return place;
}

// The checkpoint's own copy of the tokenizer; no bytes where it has none.
absl::StatusOr<std::string> EmbeddedTokenizer(const CheckpointSource& source) {
  for (const char* prefix : {"text_encoders.gemma2_2b.", ""}) {
    const std::string name = absl::StrCat(prefix, kEmbeddedTokenizer);
    const auto found = source.index().find(name);
    if (found == source.index().end() || found->second.dtype != torch::kUInt8) {
      continue;
    }
    ASSIGN_OR_RETURN(Tensor bytes, source.Read(name));
    bytes = bytes.contiguous();
    return std::string(static_cast<const char*>(bytes.data_ptr()),
                       static_cast<size_t>(bytes.numel()));
  }
  return std::string();
}

// Where `tokenizer.model` may stand, best first. `source` may be null.
std::vector<std::string> TokenizerPaths(const CheckpointSource* source,
                                        const std::string& tokenizer_dir) {
  std::vector<std::filesystem::path> folders;
  if (source != nullptr) {
    std::error_code error;
    const std::filesystem::path weights = source->path();
    const std::filesystem::path folder =
        std::filesystem::is_directory(weights, error) ? weights
                                                      : weights.parent_path();
    folders = {folder, folder / "tokenizer",
               folder.parent_path() / "tokenizer"};
  }
  const std::filesystem::path dir = tokenizer_dir;
  for (const char* name : {"gemma2", "gemma", ""})
    folders.push_back(dir / name);
  std::vector<std::string> paths;
  for (const std::filesystem::path& folder : folders) {
    paths.push_back((folder / kTokenizerFile).string());
  }
  return paths;
}

absl::Status CheckSizes(const CheckpointSource& source,
                        const Gemma2Config& config, int64_t width) {
  if (config.width != width) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.path(), ": the Gemma 2 text encoder is ", config.width,
        " wide, the transformer takes captions of width ", width));
  }
  if (config.heads % config.key_value_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.path(), ": the Gemma 2 text encoder has ",
                     config.heads, " heads of queries and ",
                     config.key_value_heads, " of keys; expected a multiple"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> OpenGemma2Tokenizer(
    const CheckpointSource* source, const std::string& tokenizer_dir) {
  if (source != nullptr) {
    ASSIGN_OR_RETURN(const std::string embedded, EmbeddedTokenizer(*source));
    if (!embedded.empty()) {
      return SentencePieceTokenizer::Parse(
          embedded, absl::StrCat(kEmbeddedTokenizer, " in ", source->path()));
    }
  }
  const std::vector<std::string> paths = TokenizerPaths(source, tokenizer_dir);
  for (const std::string& path : paths) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      return SentencePieceTokenizer::Open(path);
    }
  }
  return absl::NotFoundError(absl::StrCat(
      source == nullptr ? "no Gemma 2 tokenizer is there"
                        : source->path() + " comes without Gemma 2's tokenizer",
      "; put its ", kTokenizerFile, " at one of ", absl::StrJoin(paths, ", ")));
}

absl::StatusOr<LoadedGemma2> LoadGemma2(const ModelSources& sources,
                                        const ModelOptions& options,
                                        int64_t width) {
  const ComponentPlace place = Gemma2Place();
  ASSIGN_OR_RETURN(const FoundComponent found, FindComponent(sources, place));
  const CheckpointSource& source = *found.source;
  const auto config = Gemma2Config::FromIndex(source.index(), found.prefix);
  if (!config.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.path(), ": ", config.status().message()));
  }
  RETURN_IF_ERROR(CheckSizes(source, *config, width));
  LoadedGemma2 loaded;
  loaded.encoder = Gemma2(*config);
  StateLoadOptions load;
  load.what = place.what;
  load.prefix = found.prefix;
  load.keeps_types = sources.keeps_types;
  // The language model's output layer, and what all-in-one files add.
  load.may_ignore = {"lm_head.weight", "logit_scale", kEmbeddedTokenizer};
  RETURN_IF_ERROR(LoadState(source, load, *loaded.encoder).status());
  ASSIGN_OR_RETURN(loaded.tokenizer,
                   OpenGemma2Tokenizer(&source, options.tokenizer_dir));
  if (loaded.tokenizer->vocabulary() > config->vocabulary) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.path(), ": the tokenizer has ", loaded.tokenizer->vocabulary(),
        " ids, the Gemma 2 text encoder knows ", config->vocabulary));
  }
  return loaded;
}

}  // namespace atelier::trainer::lumina2
