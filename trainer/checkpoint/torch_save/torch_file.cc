#include "trainer/checkpoint/torch_save/torch_file.h"

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/mapped_tensor.h"
#include "trainer/checkpoint/torch_save/unpickler.h"
#include "trainer/checkpoint/torch_save/zip_archive.h"

namespace atelier::trainer {
namespace {

using Kind = PickleValue::Kind;

constexpr absl::string_view kZipMagic("PK\x03\x04", 4);
constexpr char kPickleProtocol = '\x80';
// 0x1950a86a20f9469cfc6c, with which the legacy form begins; little-endian, as
// a pickle holds it.
constexpr absl::string_view kLegacyMagic(
    "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t kLegacyVersion = 1001;
// A full model's pickle has about a quarter of a megabyte.
constexpr int64_t kMaxPickleBytes = 64 << 20;

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kTuple:
    case Kind::kList:
      return "a list";
    case Kind::kTensor:
      return "a single tensor";
    case Kind::kGlobal:
      return "a class or function";
    case Kind::kDict:
      return "a dictionary without tensors";
    default:
      return "a plain value";
  }
}

// The value under a text key; null where there is none.
const PickleValue* Lookup(const PickleArena& arena, const PickleValue& dict,
                          absl::string_view key) {
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& name = arena.values[dict.items[i]];
    if (name.kind == Kind::kText && name.text == key) {
      return &arena.values[dict.items[i + 1]];
    }
  }
  return nullptr;
}

absl::StatusOr<std::string> FindPickle(const ZipIndex& entries) {
  std::string found;
  for (const auto& [name, entry] : entries) {
    if (name != "data.pkl" && !absl::EndsWith(name, "/data.pkl")) continue;
    if (!found.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "zip archive: two pickles, '", found, "' and '", name, "'"));
    }
    found = name;
  }
  if (found.empty()) {
    return absl::InvalidArgumentError(
        "zip archive: no data.pkl in it; not written by torch.save");
  }
  return found;
}

}  // namespace

bool TorchFile::LooksLikeOne(absl::string_view head) {
  return absl::StartsWith(head, kZipMagic) ||
         (!head.empty() && head[0] == kPickleProtocol);
}

absl::StatusOr<std::unique_ptr<TorchFile>> TorchFile::Open(
    std::shared_ptr<const MappedFile> file) {
  std::unique_ptr<TorchFile> result(new TorchFile(std::move(file)));
  const absl::string_view bytes = result->file_->bytes();
  const absl::Status status = absl::StartsWith(bytes, kZipMagic)
                                  ? result->ReadZip()
                                  : result->ReadLegacy();
  if (!status.ok()) {
    return AddLocation(
        AddContext(status, absl::StrCat(result->path(), " cannot be used")));
  }
  return result;
}

absl::Status TorchFile::ReadZip() {
  const absl::string_view bytes = file_->bytes();
  ASSIGN_OR_RETURN(const ZipIndex entries, ReadZipIndex(bytes));
  ASSIGN_OR_RETURN(const std::string pickle_name, FindPickle(entries));
  const std::string folder =
      pickle_name.substr(0, pickle_name.size() - std::strlen("data.pkl"));
  const auto contents = [&](const ZipEntry& entry) {
    return bytes.substr(entry.begin, entry.size_bytes);
  };
  const auto order = entries.find(folder + "byteorder");
  if (order != entries.end() && contents(order->second) != "little") {
    return absl::InvalidArgumentError("it was written on a big-endian machine");
  }
  const ZipEntry& pickle = entries.at(pickle_name);
  if (pickle.size_bytes > kMaxPickleBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("its pickle has ", pickle.size_bytes, " bytes; at most ",
                     kMaxPickleBytes));
  }
  size_t used = 0;
  ASSIGN_OR_RETURN(const PickleId top,
                   Unpickle(contents(pickle), arena_, used));
  for (const PickleStorage& storage : arena_.storages) {
    const auto found = entries.find(folder + "data/" + storage.key);
    if (found == entries.end()) continue;
    places_[storage.key] = {found->second.begin, found->second.size_bytes};
  }
  return TakeTensors(top);
}

absl::Status TorchFile::ReadLegacy() {
  absl::string_view rest = file_->bytes();
  // Pickles that follow each other; the limit also bounds a file that is one
  // pickle to its end.
  const auto next = [&]() -> absl::StatusOr<PickleId> {
    size_t used = 0;
    ASSIGN_OR_RETURN(const PickleId id,
                     Unpickle(rest.substr(0, kMaxPickleBytes), arena_, used));
    rest.remove_prefix(used);
    return id;
  };
  ASSIGN_OR_RETURN(const PickleId magic, next());
  if (arena_.values[magic].text != kLegacyMagic) {
    return absl::InvalidArgumentError(
        absl::StrCat("it is a pickle of ", KindName(arena_.values[magic].kind),
                     ", not a checkpoint of torch.save"));
  }
  ASSIGN_OR_RETURN(const PickleId version, next());
  ASSIGN_OR_RETURN(const PickleId system, next());
  const PickleValue* little =
      Lookup(arena_, arena_.values[system], "little_endian");
  if (arena_.values[version].integer != kLegacyVersion || little == nullptr ||
      little->integer != 1) {
    return absl::InvalidArgumentError(
        "its legacy header is of another version or byte order");
  }
  ASSIGN_OR_RETURN(const PickleId top, next());
  ASSIGN_OR_RETURN(const PickleId keys, next());
  std::map<std::string, int64_t> item_bytes;
  for (const PickleStorage& storage : arena_.storages) {
    item_bytes[storage.key] =
        static_cast<int64_t>(c10::elementSize(storage.dtype));
  }
  const absl::string_view bytes = file_->bytes();
  for (PickleId id : arena_.values[keys].items) {
    const std::string& key = arena_.values[id].text;
    int64_t elements = 0;
    int64_t size = 0;
    if (rest.size() < sizeof(elements)) {
      return absl::InvalidArgumentError("its contents are cut off");
    }
    std::memcpy(&elements, rest.data(), sizeof(elements));
    rest.remove_prefix(sizeof(elements));
    if (elements < 0 || item_bytes.count(key) == 0 ||
        __builtin_mul_overflow(elements, item_bytes[key], &size) ||
        static_cast<uint64_t>(size) > rest.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the contents of storage '", key, "' are cut off"));
    }
    places_[key] = {static_cast<int64_t>(rest.data() - bytes.data()), size};
    rest.remove_prefix(static_cast<size_t>(size));
  }
  return TakeTensors(top);
}

absl::Status TorchFile::TakeTensors(PickleId top) {
  const PickleValue* dict = &arena_.values[top];
  if (dict->kind == Kind::kDict) {
    const PickleValue* inner = Lookup(arena_, *dict, "state_dict");
    if (inner != nullptr && inner->kind == Kind::kDict) dict = inner;
  }
  if (dict->kind == Kind::kDict) {
    for (size_t i = 0; i + 1 < dict->items.size(); i += 2) {
      const PickleValue& name = arena_.values[dict->items[i]];
      const PickleValue& value = arena_.values[dict->items[i + 1]];
      if (name.kind != Kind::kText || value.kind != Kind::kTensor) continue;
      RETURN_IF_ERROR(AddTensor(name.text, arena_.tensors[value.integer]));
    }
  }
  if (tensors_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("it holds ", KindName(dict->kind),
                     ", expected a dictionary of tensors"));
  }
  return absl::OkStatus();
}

absl::Status TorchFile::AddTensor(const std::string& name,
                                  const PickleTensor& tensor) {
  const PickleStorage& storage = arena_.storages[tensor.storage];
  const auto place = places_.find(storage.key);
  if (place == places_.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", name, "': its contents (storage '",
                     storage.key, "') are missing"));
  }
  const auto item_bytes = static_cast<int64_t>(c10::elementSize(storage.dtype));
  if (storage.elements > place->second.size_bytes / item_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", name, "': storage '", storage.key, "' has ",
                     place->second.size_bytes, " bytes, expected ",
                     storage.elements, " x ", item_bytes));
  }
  TensorInfo info;
  info.dtype = storage.dtype;
  info.shape = tensor.shape;
  info.size_bytes = item_bytes;
  for (int64_t size : tensor.shape) info.size_bytes *= size;
  index_[name] = info;
  tensors_[name] = tensor;
  return absl::OkStatus();
}

absl::StatusOr<Tensor> TorchFile::Read(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return absl::NotFoundError(
        absl::StrCat("no tensor '", name, "' in ", path()));
  }
  const PickleTensor& tensor = found->second;
  const PickleStorage& storage = arena_.storages[tensor.storage];
  const TensorInfo& info = index_.at(name);
  const auto options = torch::TensorOptions().dtype(info.dtype);
  if (info.size_bytes == 0) return torch::empty(info.shape, options);
  const auto item_bytes = static_cast<int64_t>(c10::elementSize(info.dtype));
  const Place& place = places_.at(storage.key);
  const char* data = file_->bytes().data() + place.begin;
  if (reinterpret_cast<uintptr_t>(data) % item_bytes == 0) {
    return MapTensor(file_, place.begin + tensor.offset * item_bytes,
                     tensor.shape, tensor.strides, info.dtype);
  }
  Tensor whole = torch::empty({storage.elements}, options);
  std::memcpy(whole.data_ptr(), data,
              static_cast<size_t>(storage.elements * item_bytes));
  return whole.as_strided(tensor.shape, tensor.strides, tensor.offset)
      .contiguous();
}

absl::StatusOr<std::string> TorchFile::Digest() const {
  return file_->Digest();
}

}  // namespace atelier::trainer
