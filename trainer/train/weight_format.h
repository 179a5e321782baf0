// The numbers that weights are kept in.
#pragma once

#include "trainer/train/setup.h"

namespace atelier::trainer {

// Brings the weights of a module to a format and a device, one after the other,
// in memory of their own: views of a mapped checkpoint become copies, and its
// pages are given back. Buffers stay as they are.
void ConvertWeights(torch::nn::Module& module, torch::ScalarType type,
                    torch::Device device = torch::kCPU);

// The same for a module that is not trained: fp32, where it is, except for the
// weights of linear layers that the checkpoint has in bf16 or fp16. Those stay
// as they are mapped; a layer widens them as it runs, which changes no bit of
// what it computes.
void WidenFrozenWeights(torch::nn::Module& module);

// Brings what LoadModel read to the formats of the run: weights that are
// trained to fp32, or what full_bf16 and full_fp16 say; others as
// WidenFrozenWeights. Before the model is placed and its optimizer made.
void SettleWeights(const Training& training);

}  // namespace atelier::trainer
