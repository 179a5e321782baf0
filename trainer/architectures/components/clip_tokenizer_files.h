// CLIP's vocabulary as files: where they are, and their text, which saved
// Diffusers folders carry along.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace atelier::trainer {

// The folder below tokenizer_dir that has vocab.json and merges.txt, as
// unpacked or as published.
//
// Errors: NOT_FOUND naming what is expected.
absl::StatusOr<std::string> FindClipTokenizer(const std::string& tokenizer_dir);

// Contents by name: vocab.json, merges.txt.
using ClipTokenizerFiles = std::map<std::string, std::string>;

// Errors: as FindClipTokenizer; NOT_FOUND and others for files that cannot be
// read.
absl::StatusOr<ClipTokenizerFiles> ReadClipTokenizerFiles(
    const std::string& tokenizer_dir);

}  // namespace atelier::trainer
