// A stack machine. MARK remembers the height of the stack, and the instructions
// that end a group take everything above the last mark. Source of the
// instruction set: CPython's pickletools (protocols 0 to 5), of which the text
// forms of protocol 0 are left out.
#include "trainer/checkpoint/torch_save/unpickler.h"

#include <cstring>
#include <unordered_map>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/torch_save/pickle_call.h"
#include "trainer/checkpoint/torch_save/pickle_stack.h"
#include "trainer/checkpoint/torch_save/pickle_stream.h"

namespace atelier::trainer {
namespace {

using Kind = PickleValue::Kind;

class Unpickler {
 public:
  Unpickler(absl::string_view bytes, PickleArena& arena)
      : stream_(bytes), arena_(arena), stack_(arena) {}

  absl::StatusOr<PickleId> Run() {
    while (true) {
      const size_t start = stream_.used();
      ASSIGN_OR_RETURN(const uint8_t code, stream_.Number<uint8_t>());
      if (code == '.') return stack_.Pop();
      absl::Status status = Step(code);
      if (status.ok() && arena_.values.size() > kMaxPickleValues) {
        status = absl::InvalidArgumentError(
            absl::StrCat("it has more than ", kMaxPickleValues, " values"));
      }
      if (!status.ok()) {
        return AddLocation(AddContext(
            status, absl::StrFormat("pickle, byte %d (instruction 0x%02x)",
                                    start, code)));
      }
    }
  }

  size_t used() const { return stream_.used(); }

 private:
  absl::Status Step(uint8_t code) {
    switch (code) {
      case 0x80:  // PROTO
        return stream_.Skip(1);
      case 0x95:  // FRAME
        return stream_.Skip(8);
      case '(':  // MARK
        stack_.Mark();
        return absl::OkStatus();
      case '0':  // POP
        return stack_.Pop().status();
      case '1':  // POP_MARK
        return stack_.PopGroup().status();
      case '2':  // DUP
        return stack_.Duplicate();
      case 'N':
        return stack_.Push({});
      case 0x88:  // NEWTRUE
        return stack_.PushInteger(Kind::kBool, 1);
      case 0x89:  // NEWFALSE
        return stack_.PushInteger(Kind::kBool, 0);
      case ')':
        return stack_.PushGroup(Kind::kTuple, {});
      case ']':
        return stack_.PushGroup(Kind::kList, {});
      case '}':
        return stack_.PushGroup(Kind::kDict, {});
      case 't':
        return stack_.PushPoppedGroup(Kind::kTuple);
      case 'l':
        return stack_.PushPoppedGroup(Kind::kList);
      case 'd':
        return stack_.PushPoppedGroup(Kind::kDict);
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        return stack_.PushTuple(code - 0x84);
      default:
        return StepWithArgument(code);
    }
  }

  absl::Status StepWithArgument(uint8_t code) {
    switch (code) {
      case 'K':
        return PushNumber<uint8_t>();
      case 'M':
        return PushNumber<uint16_t>();
      case 'J':
        return PushNumber<int32_t>();
      case 0x8a:  // LONG1
        return PushLong<uint8_t>();
      case 0x8b:  // LONG4
        return PushLong<uint32_t>();
      case 'G':
        RETURN_IF_ERROR(stream_.Skip(8));
        return stack_.PushInteger(Kind::kFloat, 0);
      case 'X':
        return PushText<uint32_t>(Kind::kText);
      case 0x8c:  // SHORT_BINUNICODE
      case 'U':
        return PushText<uint8_t>(Kind::kText);
      case 'T':
        return PushText<uint32_t>(Kind::kText);
      case 0x8d:  // BINUNICODE8
        return PushText<uint64_t>(Kind::kText);
      case 'C':
        return PushText<uint8_t>(Kind::kBytes);
      case 'B':
        return PushText<uint32_t>(Kind::kBytes);
      default:
        return StepOnObjects(code);
    }
  }

  absl::Status StepOnObjects(uint8_t code) {
    switch (code) {
      case 'q':
        return Memorize<uint8_t>();
      case 'r':
        return Memorize<uint32_t>();
      case 0x94:  // MEMOIZE
        return StoreTop(memo_.size());
      case 'h':
        return Recall<uint8_t>();
      case 'j':
        return Recall<uint32_t>();
      case 'a':
        return stack_.Append(Kind::kList, 1);
      case 's':
        return stack_.Append(Kind::kDict, 2);
      case 'e':
        return stack_.AppendGroup(Kind::kList);
      case 'u':
        return stack_.AppendGroup(Kind::kDict);
      case 'c':
        return PushGlobal();
      case 0x93:  // STACK_GLOBAL
        return PushStackGlobal();
      case 'R':
        return Call();
      case 'b':
        return Build();
      case 'Q':
        return LoadStorage();
      default:
        return absl::InvalidArgumentError(
            "it is none of those that tensors and plain containers need");
    }
  }

  template <typename T>
  absl::Status PushNumber() {
    ASSIGN_OR_RETURN(const T value, stream_.Number<T>());
    return stack_.PushInteger(Kind::kInt, value);
  }

  template <typename Size>
  absl::Status PushLong() {
    ASSIGN_OR_RETURN(const Size size, stream_.Number<Size>());
    ASSIGN_OR_RETURN(const absl::string_view bytes, stream_.Take(size));
    if (bytes.size() > sizeof(int64_t)) {
      PickleValue value;
      value.kind = Kind::kBytes;
      value.text = std::string(bytes);
      return stack_.Push(std::move(value));
    }
    const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
    int64_t value = negative ? -1 : 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    return stack_.PushInteger(Kind::kInt, value);
  }

  template <typename Size>
  absl::Status PushText(Kind kind) {
    ASSIGN_OR_RETURN(const Size size, stream_.Number<Size>());
    ASSIGN_OR_RETURN(const absl::string_view bytes, stream_.Take(size));
    PickleValue value;
    value.kind = kind;
    value.text = std::string(bytes);
    return stack_.Push(std::move(value));
  }

  absl::Status StoreTop(uint64_t place) {
    ASSIGN_OR_RETURN(const PickleId id, stack_.Pop());
    stack_.PushId(id);
    memo_[place] = id;
    return absl::OkStatus();
  }

  template <typename Place>
  absl::Status Memorize() {
    ASSIGN_OR_RETURN(const Place place, stream_.Number<Place>());
    return StoreTop(place);
  }

  template <typename Place>
  absl::Status Recall() {
    ASSIGN_OR_RETURN(const Place place, stream_.Number<Place>());
    const auto found = memo_.find(place);
    if (found == memo_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("it recalls value ", place, ", which was not kept"));
    }
    stack_.PushId(found->second);
    return absl::OkStatus();
  }

  absl::Status PushName(absl::string_view module, absl::string_view name) {
    PickleValue value;
    value.kind = Kind::kGlobal;
    value.text = absl::CHexEscape(absl::StrCat(module, ".", name));
    return stack_.Push(std::move(value));
  }

  absl::Status PushGlobal() {
    ASSIGN_OR_RETURN(const absl::string_view module, stream_.Line());
    ASSIGN_OR_RETURN(const absl::string_view name, stream_.Line());
    return PushName(module, name);
  }

  absl::Status PushStackGlobal() {
    ASSIGN_OR_RETURN(const PickleId name, stack_.Pop());
    ASSIGN_OR_RETURN(const PickleId module, stack_.Pop());
    // Copies: pushing may move the arena.
    const std::string module_text = arena_.values[module].text;
    const std::string name_text = arena_.values[name].text;
    return PushName(module_text, name_text);
  }

  absl::Status Call() {
    ASSIGN_OR_RETURN(const PickleId arguments, stack_.Pop());
    ASSIGN_OR_RETURN(const PickleId function, stack_.Pop());
    ASSIGN_OR_RETURN(
        PickleValue result,
        CallPickled(arena_, arena_.values[function], arena_.values[arguments]));
    return stack_.Push(std::move(result));
  }

  // Attributes of a dictionary (`_metadata`) or tensor; they mean nothing here.
  absl::Status Build() {
    RETURN_IF_ERROR(stack_.Pop().status());
    ASSIGN_OR_RETURN(const PickleValue* target, stack_.Top());
    if (target->kind == Kind::kDict || target->kind == Kind::kTensor) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "it sets the state of an object that is no dictionary and no tensor");
  }

  absl::Status LoadStorage() {
    ASSIGN_OR_RETURN(const PickleId id, stack_.Pop());
    ASSIGN_OR_RETURN(PickleValue storage,
                     LoadPersistent(arena_, arena_.values[id]));
    return stack_.Push(std::move(storage));
  }

  PickleStream stream_;
  PickleArena& arena_;
  PickleStack stack_;
  std::unordered_map<uint64_t, PickleId> memo_;
};

}  // namespace

absl::StatusOr<PickleId> Unpickle(absl::string_view bytes, PickleArena& arena,
                                  size_t& used) {
  Unpickler unpickler(bytes, arena);
  auto result = unpickler.Run();
  used = unpickler.used();
  return result;
}

}  // namespace atelier::trainer
