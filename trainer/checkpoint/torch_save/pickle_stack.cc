#include "trainer/checkpoint/torch_save/pickle_stack.h"

#include <utility>

#include "proto/cc/status_macros.h"

namespace atelier::trainer {

absl::Status PickleStack::Push(PickleValue value) {
  stack_.push_back(static_cast<PickleId>(arena_.values.size()));
  arena_.values.push_back(std::move(value));
  return absl::OkStatus();
}

absl::Status PickleStack::PushInteger(Kind kind, int64_t integer) {
  PickleValue value;
  value.kind = kind;
  value.integer = integer;
  return Push(std::move(value));
}

absl::Status PickleStack::PushGroup(Kind kind, std::vector<PickleId> items) {
  if (kind == Kind::kDict && items.size() % 2 != 0) {
    return absl::InvalidArgumentError("a dictionary has a key without value");
  }
  PickleValue value;
  value.kind = kind;
  value.items = std::move(items);
  return Push(std::move(value));
}

absl::StatusOr<PickleId> PickleStack::Pop() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) {
    return absl::InvalidArgumentError("its stack is empty");
  }
  const PickleId id = stack_.back();
  stack_.pop_back();
  return id;
}

absl::StatusOr<std::vector<PickleId>> PickleStack::PopGroup() {
  if (marks_.empty()) return absl::InvalidArgumentError("a mark is missing");
  std::vector<PickleId> items(stack_.begin() + marks_.back(), stack_.end());
  stack_.resize(marks_.back());
  marks_.pop_back();
  return items;
}

absl::StatusOr<PickleValue*> PickleStack::Top() {
  ASSIGN_OR_RETURN(const PickleId id, Pop());
  stack_.push_back(id);
  return &arena_.values[id];
}

absl::Status PickleStack::Duplicate() {
  ASSIGN_OR_RETURN(const PickleId id, Pop());
  stack_.insert(stack_.end(), 2, id);
  return absl::OkStatus();
}

absl::Status PickleStack::PushPoppedGroup(Kind kind) {
  ASSIGN_OR_RETURN(std::vector<PickleId> items, PopGroup());
  return PushGroup(kind, std::move(items));
}

absl::Status PickleStack::PushTuple(int size) {
  std::vector<PickleId> items(size);
  for (int i = size; i-- > 0;) {
    ASSIGN_OR_RETURN(items[i], Pop());
  }
  return PushGroup(Kind::kTuple, std::move(items));
}

absl::Status PickleStack::AddTo(Kind kind, const std::vector<PickleId>& items) {
  ASSIGN_OR_RETURN(PickleValue * container, Top());
  if (container->kind != kind || (kind == Kind::kDict && items.size() % 2)) {
    return absl::InvalidArgumentError("it adds to what cannot take it");
  }
  container->items.insert(container->items.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status PickleStack::Append(Kind kind, int count) {
  std::vector<PickleId> items(count);
  for (int i = count; i-- > 0;) {
    ASSIGN_OR_RETURN(items[i], Pop());
  }
  return AddTo(kind, items);
}

absl::Status PickleStack::AppendGroup(Kind kind) {
  ASSIGN_OR_RETURN(const std::vector<PickleId> items, PopGroup());
  return AddTo(kind, items);
}

}  // namespace atelier::trainer
