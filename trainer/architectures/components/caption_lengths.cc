#include "trainer/architectures/components/caption_lengths.h"

#include <memory>
#include <string>
#include <utility>

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/components/t5_tokenizer.h"

namespace atelier::trainer {
namespace {

template <typename Tokenizer>
CaptionLength LengthOf(const char* name, int64_t limit,
                       std::shared_ptr<const Tokenizer> tokenizer) {
  return {name, limit, [tokenizer](const std::string& caption) {
            return static_cast<int64_t>(tokenizer->Encode(caption).size());
          }};
}

}  // namespace

absl::StatusOr<CaptionLength> ClipCaptionLength(const ModelOptions& options,
                                                int64_t limit) {
  ASSIGN_OR_RETURN(std::unique_ptr<ClipTokenizer> tokenizer,
                   OpenClipTokenizer(options.tokenizer_dir));
  return LengthOf<ClipTokenizer>("clip", limit, std::move(tokenizer));
}

absl::StatusOr<CaptionLength> T5CaptionLength(const ModelSources& sources,
                                              const ModelOptions& options,
                                              int64_t usual_length) {
  const CheckpointSource* weights = sources.Find("t5xxl");
  ASSIGN_OR_RETURN(std::unique_ptr<SentencePieceTokenizer> tokenizer,
                   OpenT5Vocabulary(options.tokenizer_dir,
                                    weights == nullptr ? "" : weights->path()));
  const int64_t length = options.t5xxl_max_token_length > 0
                             ? options.t5xxl_max_token_length
                             : usual_length;
  return LengthOf<SentencePieceTokenizer>("t5xxl", length - 1,
                                          std::move(tokenizer));
}

absl::StatusOr<std::vector<CaptionLength>> ClipCaptionLengths(
    const ModelSources& /*sources*/, const ModelOptions& options) {
  ASSIGN_OR_RETURN(CaptionLength clip,
                   ClipCaptionLength(options, options.max_token_length));
  return std::vector<CaptionLength>{std::move(clip)};
}

}  // namespace atelier::trainer
