// Captions from one metadata file instead of a file for each image.
//
//   JSON        { "image.png": { "caption": "…", "tags": "…" }, … }
//   JSON lines  { "image_path": "…", "caption": "…" }   one a line (.jsonl)
//
// An entry may have "image_size": [width, height] too. Deviation: sd-scripts
// believes it and distorts an image of another size; here the image's own
// counts. train_resolution, which old tools wrote, is passed over as there.
#pragma once

#include <vector>

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_options.h"
#include "trainer/data/image_scan.h"
#include "trainer/data/subset_images.h"

namespace atelier::trainer {

// In the order of the image paths. Names are absolute or relative to image_dir;
// a name without its ending is completed by looking for the image. The caption
// is caption, separator, tags, as far as they are there. Of several entries for
// one image the last counts. Mistakes go to the report.
std::vector<CaptionedImage> ListMetadataImages(const SubsetOptions& subset,
                                               ConfigReport* report);

// Says in one warning how many images have not the size that their metadata
// states. `facts` are those of `files`.
void WarnOfStatedSizes(const SubsetOptions& subset,
                       const std::vector<CaptionedImage>& files,
                       const std::vector<ImageFacts>& facts,
                       ConfigReport* report);

}  // namespace atelier::trainer
