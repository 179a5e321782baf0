// Tensors that stand in a mapped file: no copy is made of what is read, and
// what is written to goes to memory of its own, page by page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "trainer/checkpoint/mapped_file.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// A tensor at `begin` bytes into the file, which it keeps mapped. The place
// must be a multiple of the element's size and the tensor must end within the
// file. Strides count elements. Writing to it changes neither the file nor what
// other mappings of it show.
Tensor MapTensor(std::shared_ptr<const MappedFile> file, size_t begin,
                 at::IntArrayRef shape, at::IntArrayRef strides,
                 torch::ScalarType type);

// Whether a tensor, or what it is a view of, was made by MapTensor.
bool IsMapped(const Tensor& tensor);

// Gives the whole pages that a mapped, contiguous tensor stands on back to the
// system; whoever reads them next gets them from the file. Other tensors are
// left alone. What was written to the tensor is lost.
void DropPages(const Tensor& tensor);

}  // namespace atelier::trainer
