// Names of one layout to names of another, by a table with one row a tensor
// that is applied both ways.
//
//   {"transformer_blocks.{}.attn.to_q.weight",
//   "double_blocks.{}.img_attn.qkv.weight", Part(0, 3)}
//   {"norm_out.linear.weight", "final_layer.adaLN_modulation.1.weight",
//   SwapHalves()}
//   {"conv_in.*", "input_blocks.0.0.*"}
//
// In a pattern `{}` stands for a decimal number and `*` for any rest of one
// character or more; what they matched is put into the other pattern's places
// in order, so both sides have the same ones in the same order. Where two rows
// match a name, the first counts. Block numbers that are computed are written
// out by whoever makes the table, a row a block.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// What happens to the tensor on its way from `from` to `to`; the way back
// undoes it.
struct KeyOp {
  enum class Kind {
    kRename,
    kPart,        // one of several row blocks that stand in one tensor of `to`
    kTranspose,   // [A, B] -> [B, A]
    kSwapHalves,  // the two halves of dimension 0 change places
    kToConv1x1,   // linear [O, I] -> convolution [O, I, 1, 1]
    kToLinear,    // convolution [O, I, 1, 1] -> linear [O, I]
  };
  Kind kind = Kind::kRename;
  int part = 0;
  int parts = 1;
  int64_t share =
      1;  // rows of this part, in proportion to the other parts' shares
};

KeyOp Rename();
// Rows `part` (of `parts`, from 0) of the tensor in `to`. Parts of different
// heights say by `share` how their rows divide: q, k, v and a four times wider
// MLP have shares 1, 1, 1 and 4.
KeyOp Part(int part, int parts, int64_t share = 1);
KeyOp Transpose();
KeyOp SwapHalves();
KeyOp ToConv1x1();
KeyOp ToLinear();

struct KeyRule {
  std::string from;
  std::string to;
  KeyOp op;
};

// A checked table.
class KeyMap {
 public:
  enum class Direction { kForward, kBackward };  // from -> to, to -> from

  // Errors: INVALID_ARGUMENT for patterns whose places differ, parts that are
  // missing or doubled.
  static absl::StatusOr<KeyMap> Make(std::vector<KeyRule> rules);

  // How one name of the target layout comes out of the source layout.
  struct Piece {
    std::string source;
    KeyOp op;
    int64_t first_share = 0;  // of this part, within total_shares
    int64_t total_shares = 1;
  };
  struct Plan {
    // Target name -> its pieces in order; more than one only where row blocks
    // are put together.
    std::map<std::string, std::vector<Piece>> targets;
    // Source names that no row matches.
    std::vector<std::string> unmatched;
  };

  // Errors: INVALID_ARGUMENT naming targets whose parts are incomplete and
  // targets made twice.
  absl::StatusOr<Plan> MakePlan(const std::vector<std::string>& names,
                                Direction direction) const;

  // Every tensor in the other layout; names that no row matches are an error.
  // Results may share memory with the input.
  //
  // Errors: INVALID_ARGUMENT naming unmatched names, parts that are missing,
  // and shapes that an operation cannot take.
  absl::StatusOr<std::map<std::string, Tensor>> Apply(
      const std::map<std::string, Tensor>& tensors, Direction direction) const;

  // Checks that applying the table forward and back gives the same names and,
  // bit for bit, the same tensors.
  absl::Status CheckRoundTrip(
      const std::map<std::string, Tensor>& tensors) const;

 private:
  struct Rule {
    KeyRule rule;
    int64_t first_share = 0;
    int64_t total_shares = 1;
  };
  explicit KeyMap(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  std::vector<Rule> rules_;
};

// The placeholders' texts where `name` matches `pattern`.
std::optional<std::vector<std::string>> MatchKey(const std::string& pattern,
                                                 const std::string& name);
// The pattern with its placeholders replaced in order.
std::string FillKey(const std::string& pattern,
                    const std::vector<std::string>& values);

// A checkpoint seen in the other layout: names, shapes and contents are mapped
// on demand. Names that no row matches are left out. `source` must outlive the
// result, whose path, metadata and digest are the source's own.
//
// Errors: INVALID_ARGUMENT as above.
absl::StatusOr<std::unique_ptr<CheckpointSource>> MapCheckpoint(
    const CheckpointSource& source, const KeyMap& map,
    KeyMap::Direction direction);

}  // namespace atelier::trainer
