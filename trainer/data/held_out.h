// Images that are kept out of training to measure the loss on.
//
// Every image belongs to one side, with all its repeats and its mirror image.
// Which side follows from the seed and the image's name alone, so that a copy
// of the dataset, another order of subsets or another option changes nothing.
//
// Deviation: sd-scripts draws the sides independently where no seed is given
// (images are on both), and rounds both up (an image on both or on neither).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_index.h"

namespace atelier::trainer {

// Takes the held-out images from the training images of every dataset, [i] of
// which are those of config.datasets[i]: all of subsets with is_val, and of the
// others `round(split * count)`, at least one and not all. An image's rank is
// the SHA-256 of the seed, its folder's name and its own. An image that several
// datasets have is held out of all of them.
//
// `seed` is for datasets without a validation_seed. A dataset with too few
// images to hold one out is named in a warning.
std::vector<DatasetImage> TakeHeldOut(
    const DatasetConfig& config, uint64_t seed,
    const std::vector<std::vector<DatasetImage>*>& training,
    ConfigReport* report);

// The held-out images as an index of their own, for MakeBuckets and for caches:
// each once an epoch, without what is random (mirroring, colours, crops;
// shuffled, dropped or growing captions). The datasets and subsets keep their
// places.
DatasetIndex HeldOutIndex(const DatasetIndex& index);

}  // namespace atelier::trainer
