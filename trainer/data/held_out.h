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

#include "trainer/data/dataset_index.h"

namespace atelier::trainer {

// Marks `round(split * count)` of the images, at least one and not all. An
// image's rank is the SHA-256 of the seed, its folder's name and its own.
//
// `images` are the training images of one dataset; [i] of the result belongs to
// images[i]. All false where split is 0 or there is one image only.
std::vector<bool> ChooseHeldOut(const std::vector<DatasetImage>& images,
                                double split, uint64_t seed);

// The held-out images as an index of their own, for MakeBuckets and for caches:
// each once an epoch, without what is random (mirroring, colours, crops;
// shuffled, dropped or growing captions). The datasets and subsets keep their
// places.
DatasetIndex HeldOutIndex(const DatasetIndex& index);

}  // namespace atelier::trainer
