#include "trainer/data/npz/npy.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr absl::string_view kMagic{"\x93NUMPY", 6};
constexpr size_t kPrefixBytes = 8;  // magic and version
constexpr size_t kAlignment = 64;   // of the first element
constexpr size_t kMostAxes = 32;    // numpy's own limit
// numpy leaves room for the first axis to grow to this many digits.
constexpr size_t kGrowthDigits = 21;

struct NamedType {
  absl::string_view descr;
  torch::ScalarType type;
};
constexpr NamedType kTypes[] = {
    {"<f2", torch::kFloat16}, {"<f4", torch::kFloat32},
    {"<f8", torch::kFloat64}, {"|i1", torch::kInt8},
    {"<i2", torch::kInt16},   {"<i4", torch::kInt32},
    {"<i8", torch::kInt64},   {"|u1", torch::kUInt8},
    {"|b1", torch::kBool},
};

absl::Status NpyError(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("npy array: ", what));
}

struct Header {
  torch::ScalarType type = torch::kFloat32;
  bool is_fortran = false;
  std::vector<int64_t> shape;
};

// The value behind `'key':`; up to the comma or brace that ends it, or the
// closing parenthesis of a tuple.
absl::StatusOr<absl::string_view> ValueOf(absl::string_view dictionary,
                                          absl::string_view key) {
  const std::string quoted = absl::StrCat("'", key, "':");
  const size_t at = dictionary.find(quoted);
  if (at == absl::string_view::npos) {
    return NpyError(absl::StrCat("its header has no ", key));
  }
  absl::string_view rest =
      absl::StripLeadingAsciiWhitespace(dictionary.substr(at + quoted.size()));
  const bool is_tuple = absl::StartsWith(rest, "(");
  const size_t end = is_tuple ? rest.find(')') : rest.find_first_of(",}");
  if (end == absl::string_view::npos) {
    return NpyError(absl::StrCat("the ", key, " of its header has no end"));
  }
  return absl::StripAsciiWhitespace(rest.substr(0, end + (is_tuple ? 1 : 0)));
}

absl::StatusOr<std::vector<int64_t>> ParseShape(absl::string_view text) {
  if (!absl::StartsWith(text, "(") || !absl::EndsWith(text, ")")) {
    return NpyError("its shape is no tuple");
  }
  std::vector<int64_t> shape;
  for (absl::string_view part :
       absl::StrSplit(text.substr(1, text.size() - 2), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part.empty()) continue;
    int64_t size = 0;
    if (!absl::SimpleAtoi(part, &size) || size < 0) {
      return NpyError(absl::StrCat("its shape has a size `", part, "`"));
    }
    shape.push_back(size);
  }
  if (shape.size() > kMostAxes) {
    return NpyError(absl::StrCat("it has ", shape.size(), " axes"));
  }
  return shape;
}

absl::StatusOr<torch::ScalarType> ParseType(absl::string_view text) {
  for (const NamedType& row : kTypes) {
    if (text == absl::StrCat("'", row.descr, "'")) return row.type;
  }
  return NpyError(absl::StrCat(
      "its elements are ", text,
      "; floats, integers and bools in little-endian order are read"));
}

// Splits the header off `bytes`.
absl::StatusOr<Header> TakeHeader(absl::string_view& bytes) {
  if (bytes.size() < kPrefixBytes + 2 || !absl::StartsWith(bytes, kMagic)) {
    return NpyError("it does not begin with numpy's mark");
  }
  const int major = static_cast<unsigned char>(bytes[kMagic.size()]);
  if (major < 1 || major > 3) {
    return NpyError(absl::StrCat("version ", major, " is not known"));
  }
  const size_t width = major == 1 ? 2 : 4;
  if (bytes.size() < kPrefixBytes + width) return NpyError("it is cut off");
  uint32_t size = 0;
  std::memcpy(&size, bytes.data() + kPrefixBytes, width);
  bytes.remove_prefix(kPrefixBytes + width);
  if (size > bytes.size()) return NpyError("its header is cut off");
  const absl::string_view text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  Header header;
  ASSIGN_OR_RETURN(const absl::string_view descr, ValueOf(text, "descr"));
  ASSIGN_OR_RETURN(header.type, ParseType(descr));
  ASSIGN_OR_RETURN(const absl::string_view order,
                   ValueOf(text, "fortran_order"));
  if (order != "True" && order != "False") {
    return NpyError(absl::StrCat("its fortran_order is `", order, "`"));
  }
  header.is_fortran = order == "True";
  ASSIGN_OR_RETURN(const absl::string_view shape, ValueOf(text, "shape"));
  ASSIGN_OR_RETURN(header.shape, ParseShape(shape));
  return header;
}

// Bytes of the elements; nothing where the number overflows.
std::optional<uint64_t> BytesOf(const Header& header) {
  int64_t bytes = static_cast<int64_t>(torch::elementSize(header.type));
  bool is_empty = false;
  for (const int64_t size : header.shape) {
    is_empty = is_empty || size == 0;
    // LibTorch multiplies the other sizes of an empty array too.
    const int64_t factor = std::max<int64_t>(size, 1);
    if (bytes > std::numeric_limits<int64_t>::max() / factor) {
      return std::nullopt;
    }
    bytes *= factor;
  }
  return is_empty ? 0 : static_cast<uint64_t>(bytes);
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes) {
  ASSIGN_OR_RETURN(Header header, TakeHeader(bytes));
  const std::optional<uint64_t> expected = BytesOf(header);
  if (!expected.has_value() || *expected != bytes.size()) {
    return NpyError(absl::StrCat("its elements are ", bytes.size(),
                                 " bytes, which does not fit its shape"));
  }
  if (header.is_fortran) std::reverse(header.shape.begin(), header.shape.end());
  Tensor tensor =
      torch::empty(header.shape, torch::TensorOptions().dtype(header.type));
  if (!bytes.empty()) {
    std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  }
  if (!header.is_fortran) return tensor;
  std::vector<int64_t> axes(static_cast<size_t>(tensor.dim()));
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i] = static_cast<int64_t>(axes.size() - 1 - i);
  }
  return tensor.permute(axes).contiguous();
}

absl::StatusOr<std::string> FormatNpy(const Tensor& tensor) {
  const auto row = std::find_if(
      std::begin(kTypes), std::end(kTypes),
      [&](const auto& known) { return known.type == tensor.scalar_type(); });
  if (row == std::end(kTypes)) {
    return NpyError(absl::StrCat("numpy has no name for ",
                                 torch::toString(tensor.scalar_type())));
  }
  const Tensor data = tensor.detach().cpu().contiguous();
  std::string shape;
  for (const int64_t size : data.sizes()) {
    absl::StrAppend(&shape, shape.empty() ? "" : " ", size, ",");
  }
  // A tuple of more than one has no comma at its end.
  if (data.dim() > 1) shape.pop_back();
  std::string header =
      absl::StrCat("{'descr': '", row->descr,
                   "', 'fortran_order': False, 'shape': (", shape, "), }");
  if (data.dim() > 0) {
    const size_t digits = absl::StrCat(data.size(0)).size();
    header.append(kGrowthDigits - digits, ' ');
  }
  const size_t before = kPrefixBytes + 2 + header.size() + 1;
  header.append((kAlignment - before % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\x00';
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(static_cast<const char*>(data.const_data_ptr()), data.nbytes());
  return bytes;
}

}  // namespace atelier::trainer
