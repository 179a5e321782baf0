// What happens to a caption before it is encoded, once a sample and an epoch.
//
//   1 prefix, suffix      2 dropout             3 wildcards, or first line
//   4 tags: keep, warm up, shuffle, drop        5 secondary separator
//
// Source: sd-scripts' process_caption. As there, tags are joined with `, `
// whatever the separator is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/data/dataset_options.h"
#include "trainer/tensor/rng.h"

namespace atelier::trainer {

// The random draws of a caption.
class CaptionRandom {
 public:
  virtual ~CaptionRandom() = default;
  virtual double Uniform() = 0;               // in [0, 1)
  virtual int64_t Choose(int64_t count) = 0;  // in [0, count)
  // new[i] = old[result[i]]
  virtual std::vector<int64_t> Permute(int64_t count) = 0;
};

// Draws from a counter-based stream.
class StreamCaptionRandom : public CaptionRandom {
 public:
  explicit StreamCaptionRandom(Rng rng) : rng_(rng) {}
  double Uniform() override { return rng_.Uniform(); }
  int64_t Choose(int64_t count) override;
  std::vector<int64_t> Permute(int64_t count) override;

 private:
  Rng rng_;
};

// Where training stands.
struct CaptionMoment {
  int64_t epoch = 1;
  int64_t step = 0;  // optimizer steps done
  int64_t max_train_steps = 0;
};

std::string ProcessCaption(const CaptionOptions& options,
                           const std::string& caption,
                           const CaptionMoment& moment, CaptionRandom& random);

}  // namespace atelier::trainer
