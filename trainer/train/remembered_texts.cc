#include "trainer/train/remembered_texts.h"

#include <algorithm>
#include <utility>

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
  std::vector<std::vector<Tensor>> places;
  for (const std::string& caption : captions) {
    const std::vector<Tensor>& row = Row(caption, encode);
    places.resize(std::max(places.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      if (row[i].defined()) places[i].push_back(row[i]);
    }
  }
  std::vector<Tensor> joined;
  for (const std::vector<Tensor>& rows : places) {
    joined.push_back(rows.empty() ? Tensor() : torch::cat(rows));
  }
  return joined;
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
