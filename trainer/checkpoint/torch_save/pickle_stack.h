// The stack of a pickle machine, with its marks and the values beneath.
#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/torch_save/pickle_value.h"

namespace atelier::trainer {

// Groups end at the last mark; nothing beneath a mark can be taken before its
// group is.
//
// Errors of all: INVALID_ARGUMENT for a stack without what is asked of it.
class PickleStack {
 public:
  using Kind = PickleValue::Kind;

  explicit PickleStack(PickleArena& arena) : arena_(arena) {}

  void Mark() { marks_.push_back(stack_.size()); }
  void PushId(PickleId id) { stack_.push_back(id); }
  absl::Status Push(PickleValue value);
  absl::Status PushInteger(Kind kind, int64_t integer);
  absl::Status PushGroup(Kind kind, std::vector<PickleId> items);
  absl::StatusOr<PickleId> Pop();
  absl::StatusOr<std::vector<PickleId>> PopGroup();
  // Valid until something is pushed.
  absl::StatusOr<PickleValue*> Top();
  absl::Status Duplicate();
  absl::Status PushPoppedGroup(Kind kind);
  absl::Status PushTuple(int size);
  absl::Status AddTo(Kind kind, const std::vector<PickleId>& items);
  absl::Status Append(Kind kind, int count);
  absl::Status AppendGroup(Kind kind);

 private:
  PickleArena& arena_;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
};

}  // namespace atelier::trainer
