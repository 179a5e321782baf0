// The numbers that trained weights are kept in.
#pragma once

#include "trainer/train/setup.h"

namespace atelier::trainer {

// Brings the weights of a module to a format, one after the other. Buffers stay
// as they are.
void ConvertWeights(torch::nn::Module& module, torch::ScalarType type);

// With full_bf16 and full_fp16: brings the weights of every module that is
// trained to that format. Before the model is placed and its optimizer made.
void ConvertTrainedWeights(const Training& training);

}  // namespace atelier::trainer
