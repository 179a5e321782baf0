// Steps: NFC, lower case, split at the two special texts, then at white space
// and between classes of characters
//   's|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+
// then each piece as UTF-8 bytes, the last marked as a word's end, of which the
// pair with the lowest rank is merged until none is left.
#include "trainer/text/clip_tokenizer.h"

#include <cstdio>
#include <fstream>
#include <limits>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/text/unicode.h"

namespace atelier::trainer {
namespace {

constexpr std::string_view kStartText = "<|startoftext|>";
constexpr std::string_view kEndText = "<|endoftext|>";
constexpr char kWordEnd[] = "</w>";

constexpr std::u32string_view kContractions[] = {U"'s", U"'t",  U"'re", U"'ve",
                                                 U"'m", U"'ll", U"'d"};

// The printable character that stands for a byte in the vocabulary: itself
// where it is one, else the next from U+0100 on.
std::u32string ByteSymbol(int byte) {
  const auto is_printable = [](int b) {
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
  };
  if (is_printable(byte)) return {static_cast<char32_t>(byte)};
  char32_t symbol = 0x100;
  for (int b = 0; b < byte; ++b) {
    if (!is_printable(b)) ++symbol;
  }
  return {symbol};
}

uint64_t PairKey(int64_t left, int64_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right);
}

absl::StatusOr<std::string> ReadTokenizerFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(absl::StrCat(
        "cannot read tokenizer file ", path,
        "; set tokenizer_dir to the folder that deploy/setup.sh unpacked"));
  }
  return text.str();
}

// How many characters from the start of `text` are one piece.
size_t PieceLength(std::u32string_view text) {
  for (const std::u32string_view contraction : kContractions) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  if (IsNumber(text[0])) return 1;
  const bool letters = IsLetter(text[0]);
  size_t length = 1;
  while (length < text.size() && IsLetter(text[length]) == letters &&
         (letters || !(IsNumber(text[length]) || IsWhiteSpace(text[length])))) {
    ++length;
  }
  return length;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClipTokenizer>> ClipTokenizer::Open(
    const std::string& folder) {
  std::unique_ptr<ClipTokenizer> tokenizer(new ClipTokenizer());
  RETURN_IF_ERROR(tokenizer->ReadVocabulary(folder + "/vocab.json"));
  RETURN_IF_ERROR(tokenizer->ReadMerges(folder + "/merges.txt"));
  tokenizer->vocabulary_ = {};
  return tokenizer;
}

absl::Status ClipTokenizer::ReadVocabulary(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadTokenizerFile(path));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a JSON object of tokens and ids"));
  }
  for (const auto& [token, id] : json.items()) {
    if (!id.is_number_unsigned() ||
        id.get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": the id of `", token, "` is ", id.dump(),
                       ", expected a small number"));
    }
    vocabulary_[token] = id.get<int64_t>();
  }
  const auto find = [&](const std::string& token, int64_t& id) -> absl::Status {
    const auto found = vocabulary_.find(token);
    if (found == vocabulary_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " has no token `", token, "`"));
    }
    id = found->second;
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(find(std::string(kStartText), start_));
  RETURN_IF_ERROR(find(std::string(kEndText), end_));
  for (int byte = 0; byte < 256; ++byte) {
    const std::string symbol = EncodeUtf8(ByteSymbol(byte));
    RETURN_IF_ERROR(find(symbol, byte_ids_[byte]));
    RETURN_IF_ERROR(find(absl::StrCat(symbol, kWordEnd), last_byte_ids_[byte]));
  }
  return absl::OkStatus();
}

absl::Status ClipTokenizer::ReadMerges(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadTokenizerFile(path));
  std::istringstream lines(text);
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    const std::string left = line.substr(0, space);
    const std::string right =
        space == std::string::npos ? "" : line.substr(space + 1);
    const auto a = vocabulary_.find(left);
    const auto b = vocabulary_.find(right);
    const auto merged = vocabulary_.find(left + right);
    if (a == vocabulary_.end() || b == vocabulary_.end() ||
        merged == vocabulary_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": the merge `", line,
                       "` does not fit the vocabulary beside it"));
    }
    merges_.emplace(PairKey(a->second, b->second),
                    Merge{number, merged->second});
  }
  return absl::OkStatus();
}

void ClipTokenizer::AppendWord(std::u32string_view word,
                               std::vector<int64_t>& ids) const {
  const std::string bytes = EncodeUtf8(word);
  std::vector<int64_t> parts;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const bool is_last = i + 1 == bytes.size();
    parts.push_back(is_last ? last_byte_ids_[byte] : byte_ids_[byte]);
  }
  while (parts.size() > 1) {
    const Merge* best = nullptr;
    uint64_t best_pair = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const uint64_t pair = PairKey(parts[i], parts[i + 1]);
      const auto found = merges_.find(pair);
      if (found == merges_.end()) continue;
      if (best == nullptr || found->second.rank < best->rank) {
        best = &found->second;
        best_pair = pair;
      }
    }
    if (best == nullptr) break;
    size_t kept = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool joins =
          i + 1 < parts.size() && PairKey(parts[i], parts[i + 1]) == best_pair;
      parts[kept++] = joins ? best->id : parts[i];
      if (joins) ++i;
    }
    parts.resize(kept);
  }
  ids.insert(ids.end(), parts.begin(), parts.end());
}

void ClipTokenizer::AppendWords(std::u32string_view text,
                                std::vector<int64_t>& ids) const {
  while (!text.empty()) {
    if (IsWhiteSpace(text[0])) {
      text.remove_prefix(1);
      continue;
    }
    const size_t length = PieceLength(text);
    AppendWord(text.substr(0, length), ids);
    text.remove_prefix(length);
  }
}

std::vector<int64_t> ClipTokenizer::Encode(std::string_view text) const {
  const std::u32string normal = ToLower(ToNfc(DecodeUtf8(text)));
  const std::u32string start_text = DecodeUtf8(kStartText);
  const std::u32string end_text = DecodeUtf8(kEndText);
  std::u32string_view rest = normal;
  std::vector<int64_t> ids;
  while (true) {
    const size_t start = rest.find(start_text);
    const size_t end = rest.find(end_text);
    const size_t special = std::min(start, end);
    AppendWords(rest.substr(0, special), ids);
    if (special == std::u32string_view::npos) return ids;
    const bool is_start = start < end;
    ids.push_back(is_start ? start_ : end_);
    rest.remove_prefix(special + (is_start ? start_text : end_text).size());
  }
}

}  // namespace atelier::trainer
