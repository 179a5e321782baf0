#include "trainer/architectures/components/clip_tokenizer_files.h"

#include <filesystem>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"

namespace atelier::trainer {
namespace {

// Where tokenizer_dir keeps the vocabulary, as unpacked or as published.
constexpr const char* kTokenizerFolders[] = {
    "clip", "stable_diffusion/tokenizer", "tokenizer", "."};

}  // namespace

absl::StatusOr<std::string> FindClipTokenizer(
    const std::string& tokenizer_dir) {
  for (const char* folder : kTokenizerFolders) {
    const std::string path = absl::StrCat(tokenizer_dir, "/", folder);
    std::error_code error;
    if (std::filesystem::exists(path + "/vocab.json", error)) return path;
  }
  return absl::NotFoundError(absl::StrCat(
      "no CLIP tokenizer in tokenizer_dir `", tokenizer_dir,
      "`; expected clip/vocab.json and clip/merges.txt, which deploy/setup.sh "
      "unpacks"));
}

absl::StatusOr<ClipTokenizerFiles> ReadClipTokenizerFiles(
    const std::string& tokenizer_dir) {
  ASSIGN_OR_RETURN(const std::string folder, FindClipTokenizer(tokenizer_dir));
  ClipTokenizerFiles files;
  for (const char* name : {"vocab.json", "merges.txt"}) {
    ASSIGN_OR_RETURN(files[name], ReadFile(absl::StrCat(folder, "/", name)));
  }
  return files;
}

}  // namespace atelier::trainer
