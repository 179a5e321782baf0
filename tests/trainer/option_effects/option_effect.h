// One row for each training option: a run that would come out the same were
// the option ignored, or the test that shows its effect where a tiny run
// cannot.
#pragma once

#include <string>
#include <vector>

namespace atelier::trainer::testing {

// Where two runs, one without the option and one with it, must differ.
enum class Seen {
  kWeights,   // tensors of the final checkpoint
  kFiles,     // names of the files and folders in the output folder
  kMetadata,  // header of the final checkpoint, or a dtype in it
  kSamples,   // pixels of the pictures
  kEvents,    // what is reported, times and sizes left out
  kRefusal,   // the run with it is refused; `value` is followed by ` | text`
  kTest,      // nowhere here: `value` is the test that covers it, SUITE.NAME
};

struct OptionEffect {
  std::string option = {};
  // As typed after the option; empty for a switch. May name prepared files:
  // `@data`.
  std::string value = {};
  Seen seen = Seen::kWeights;
  // Flags of both runs, those of the run with the option alone.
  std::string with = {};
  std::string also = {};
  std::string architecture = "sd1";
};

std::vector<OptionEffect> ModelEffects();
std::vector<OptionEffect> DatasetEffects();
std::vector<OptionEffect> CaptionEffects();
std::vector<OptionEffect> RunEffects();
std::vector<OptionEffect> OptimizerEffects();
std::vector<OptionEffect> LossEffects();
std::vector<OptionEffect> OutputEffects();
std::vector<OptionEffect> SampleEffects();
std::vector<OptionEffect> ValidationEffects();

}  // namespace atelier::trainer::testing
