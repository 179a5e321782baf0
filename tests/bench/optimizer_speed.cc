// How long an update of each optimizer takes, against copying as many bytes as
// it must read and write: weights, gradients and state. A JSON line each.
//
//   optimizer_speed [MILLION_ELEMENTS] [ROUNDS]
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "trainer/optim/registry.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kElementsPerTensor = 1 << 20;

double MedianSeconds(int rounds, const std::function<void()>& work) {
  std::vector<double> seconds;
  work();
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> passed =
        std::chrono::steady_clock::now() - start;
    seconds.push_back(passed.count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + rounds / 2,
                   seconds.end());
  return seconds[static_cast<size_t>(rounds / 2)];
}

// Copies half of the bytes, so that as many are read and written.
double CopySeconds(int64_t bytes, int rounds) {
  const Tensor from = torch::ones({bytes / 2}, torch::kUInt8);
  const Tensor to = torch::zeros({bytes / 2}, torch::kUInt8);
  return MedianSeconds(rounds, [&] {
    at::parallel_for(0, bytes / 2, 1 << 16, [&](int64_t begin, int64_t end) {
      std::copy_n(from.data_ptr<uint8_t>() + begin, end - begin,
                  to.data_ptr<uint8_t>() + begin);
    });
  });
}

ParameterGroup MakeGroup(int64_t tensors, torch::ScalarType type) {
  ParameterGroup group{"unet", 1e-4, {}};
  for (int64_t i = 0; i < tensors; ++i) {
    const Tensor weight =
        torch::randn({kElementsPerTensor}).to(type).set_requires_grad(true);
    weight.mutable_grad() = torch::randn({kElementsPerTensor}).to(type);
    group.parameters.push_back({"p" + std::to_string(i), weight});
  }
  return group;
}

// Weights and state are read and written, gradients read.
int64_t BytesOf(Optimizer& optimizer) {
  int64_t bytes = 0;
  for (const NamedParameter& named : optimizer.groups()[0].parameters) {
    bytes += static_cast<int64_t>(named.parameter.nbytes()) * 3;
  }
  for (const auto& [name, tensor] : optimizer.State()) {
    bytes += static_cast<int64_t>(tensor.nbytes()) * 2;
  }
  return bytes;
}

double StateBytesAWeight(Optimizer& optimizer, int64_t weights) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : optimizer.State()) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  return static_cast<double>(bytes) / static_cast<double>(weights);
}

void Measure(const OptimizerKind& kind, int64_t tensors, int rounds,
             torch::ScalarType type) {
  auto optimizer =
      MakeOptimizer(kind.name, {}, {MakeGroup(tensors, type)}).value();
  const int64_t bytes = BytesOf(*optimizer);
  const double step = MedianSeconds(rounds, [&] { optimizer->Step(0.5); });
  const double copy = CopySeconds(bytes, rounds);
  const nlohmann::json line = {
      {"type", "optimizer"},
      {"name", kind.name},
      {"weights", type == torch::kFloat32 ? "fp32" : "bf16"},
      {"gb_per_second", static_cast<double>(bytes) / step / 1e9},
      {"to_copy", step / copy},
      {"state_bytes_a_weight",
       StateBytesAWeight(*optimizer, tensors * kElementsPerTensor)}};
  std::cout << line.dump() << std::endl;
}

int Main(int argc, char** argv) {
  const int64_t millions = argc > 1 ? std::atoll(argv[1]) : 32;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 7;
  for (const torch::ScalarType type : {torch::kFloat32, torch::kBFloat16}) {
    for (const OptimizerKind& kind : AllOptimizers()) {
      Measure(kind, millions, rounds, type);
    }
  }
  return 0;
}

}  // namespace
}  // namespace atelier::trainer

int main(int argc, char** argv) { return atelier::trainer::Main(argc, argv); }
