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

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/key_op.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct KeyRule {
  std::string from;
  std::string to;
  KeyOp op;
};

// A checked table.
class KeyMap {
 public:
  // Errors: INVALID_ARGUMENT for patterns whose places differ, parts that are
  // missing or doubled.
  static absl::StatusOr<KeyMap> Make(std::vector<KeyRule> rules);

  using Direction = KeyDirection;
  using Piece = KeyPiece;
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

}  // namespace atelier::trainer
