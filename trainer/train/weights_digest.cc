// Each parameter has a digest of its own, made by any thread; the digest of all
// is over those in the order of the parameters.
#include "trainer/train/weights_digest.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "trainer/checkpoint/sha256.h"
#include "trainer/data/parallel_for.h"

namespace atelier::trainer {
namespace {

std::string DigestOf(const std::string& name, const Tensor& parameter) {
  const Tensor weights = parameter.detach().cpu().contiguous();
  Sha256 digest;
  digest.Update(absl::StrCat(name, " ", torch::toString(weights.scalar_type()),
                             " ", absl::StrJoin(weights.sizes(), "x"), "\n"));
  digest.Update(
      {static_cast<const char*>(weights.const_data_ptr()), weights.nbytes()});
  return digest.Finish();
}

}  // namespace

std::string WeightsDigest(const torch::nn::Module& module,
                          absl::string_view left_out) {
  std::vector<std::pair<std::string, Tensor>> parameters;
  for (const auto& item : module.named_parameters()) {
    if (!left_out.empty() && absl::StartsWith(item.key(), left_out)) continue;
    parameters.emplace_back(item.key(), item.value());
  }
  std::vector<std::string> digests(parameters.size());
  // Nothing of it fails.
  (void)ParallelFor(static_cast<int64_t>(parameters.size()),
                    [&](int64_t number) {
                      const auto& [name, parameter] = parameters[number];
                      digests[number] = DigestOf(name, parameter);
                    });
  return Sha256Of(absl::StrJoin(digests, "\n"));
}

}  // namespace atelier::trainer
