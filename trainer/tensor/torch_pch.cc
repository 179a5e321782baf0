// Owns the precompiled header that the tensor half shares.
#include "trainer/tensor/torch.h"
