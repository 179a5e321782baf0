// hidden_state [L, D], attention_mask [L], input_ids [L]. The ids are those of
// system prompt and caption, so they tell whether a file is of both.
#include "proto/cc/status_macros.h"
#include "trainer/architectures/lumina2/conditioner.h"

namespace atelier::trainer::lumina2 {

absl::StatusOr<EncodedText> Gemma2Conditioner::FromTextFile(
    const TextArrays& arrays, const std::string& caption) const {
  const SentencePieceRows rows = EncodeRows(
      *tokenizer_, {WithSystemPrompt(options_.system_prompt, caption)},
      GemmaFrame(options_.length));
  RETURN_IF_ERROR(ExpectIntegers(arrays, "input_ids", rows.ids));
  RETURN_IF_ERROR(ExpectIntegers(arrays, "attention_mask", rows.mask));
  EncodedText text(2);
  ASSIGN_OR_RETURN(text[0], FloatRow(arrays, "hidden_state",
                                     {options_.length,
                                      encoder_->embed_tokens->weight.size(1)}));
  text[1] = rows.mask;
  return text;
}

TextArrays Gemma2Conditioner::ToTextFile(const EncodedText& text,
                                         const std::string& caption) const {
  if (!text[0].defined()) return {};
  const SentencePieceRows rows = EncodeRows(
      *tokenizer_, {WithSystemPrompt(options_.system_prompt, caption)},
      GemmaFrame(options_.length));
  return {{"hidden_state", text[0][0].to(torch::kFloat32)},
          {"attention_mask", rows.mask[0].to(torch::kInt64)},
          {"input_ids", rows.ids[0].to(torch::kInt64)}};
}

}  // namespace atelier::trainer::lumina2
