// Captions from one metadata file instead of a file for each image.
//
//   JSON        { "image.png": { "caption": "…", "tags": "…" }, … }
//   JSON lines  { "image_path": "…", "caption": "…" }   one a line (.jsonl)
//
// Sizes in the file are not trusted; they are read from the images.
#pragma once

#include <vector>

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_options.h"
#include "trainer/data/subset_images.h"

namespace atelier::trainer {

// In the order of the image paths. Names are absolute or relative to image_dir;
// a name without its ending is completed by looking for the image. The caption
// is caption, separator, tags, as far as they are there. Mistakes go to the
// report.
std::vector<CaptionedImage> ListMetadataImages(const SubsetOptions& subset,
                                               ConfigReport* report);

}  // namespace atelier::trainer
