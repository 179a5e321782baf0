#include "trainer/checkpoint/mapped_tensor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace atelier::trainer {
namespace {

// What keeps the file mapped for one tensor's storage.
struct Hold {
  std::shared_ptr<const MappedFile> file;
};

// By this function a storage is known to be a mapped one.
void Release(void* hold) { delete static_cast<Hold*>(hold); }

}  // namespace

Tensor MapTensor(std::shared_ptr<const MappedFile> file, size_t begin,
                 at::IntArrayRef shape, at::IntArrayRef strides,
                 torch::ScalarType type) {
  char* const data = const_cast<char*>(file->bytes().data()) + begin;
  return at::for_blob(data, shape)
      .strides(strides)
      .context(new Hold{std::move(file)}, &Release)
      .options(torch::TensorOptions().dtype(type))
      .make_tensor();
}

bool IsMapped(const Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() &&
         tensor.storage().data_ptr().get_deleter() == &Release;
}

void DropPages(const Tensor& tensor) {
  if (!IsMapped(tensor) || !tensor.is_contiguous()) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t end = (begin + tensor.nbytes()) / page * page;
  if (first >= end) return;
  madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace atelier::trainer
