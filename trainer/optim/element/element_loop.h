// Updates of parameters on the CPU. Compiled without LibTorch and with flags of
// its own, so that the loops are vectorised in every build.
#pragma once

#include <cstdint>

#include "trainer/optim/element/element_update.h"

namespace atelier::trainer {

// Updates elements [begin, end). With kBlocks8 both are multiples of the block,
// or the end of the parameter. The result of an element does not depend on the
// range it is updated in. Threads: ranges without common elements may run at
// once.
void RunElements(const ElementUpdate& update, int64_t begin, int64_t end);

}  // namespace atelier::trainer
