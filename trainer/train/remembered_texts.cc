#include "trainer/train/remembered_texts.h"

#include <utility>

#include "trainer/data/text_cache.h"

namespace atelier::trainer {
namespace {

int64_t BytesOf(const std::vector<Tensor>& row) {
  int64_t bytes = 0;
  for (const Tensor& tensor : row) {
    if (tensor.defined()) bytes += static_cast<int64_t>(tensor.nbytes());
  }
  return bytes;
}

}  // namespace

std::vector<Tensor> RememberedTexts::Rows(
    absl::Span<const std::string> captions, const EncodeCaption& encode) {
  // Held here: a later caption may make it forget an earlier one.
  std::vector<std::vector<Tensor>> held;
  for (const std::string& caption : captions) {
    held.push_back(Row(caption, encode));
  }
  std::vector<const std::vector<Tensor>*> rows;
  for (const std::vector<Tensor>& row : held) rows.push_back(&row);
  return JoinTextRows(rows);
}

const std::vector<Tensor>& RememberedTexts::Row(const std::string& caption,
                                                const EncodeCaption& encode) {
  if (const auto found = rows_.find(caption); found != rows_.end()) {
    return found->second;
  }
  std::vector<Tensor> row = encode(caption);
  const int64_t bytes = BytesOf(row);
  if (bytes_ + bytes > most_bytes_) {
    rows_.clear();
    bytes_ = 0;
  }
  bytes_ += bytes;
  return rows_[caption] = std::move(row);
}

}  // namespace atelier::trainer
