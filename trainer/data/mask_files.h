// Finds the masks of the loss that lie in a folder of their own.
#pragma once

#include <vector>

#include "trainer/data/config/config_report.h"
#include "trainer/data/image_scan.h"
#include "trainer/data/subset_images.h"

namespace atelier::trainer {

// Sets the mask of each image of a subset with conditioning_data_dir: the image
// there of the same name but for the ending. A mask may have another size than
// its image, not another shape.
//
// `facts` are those of `files`. Masks that are missing, unreadable or of
// another shape become the problem of their image; masks without an image are
// named in one warning. Threads: headers are read by one a core.
void FindMasks(const SubsetOptions& subset, bool exif_orientation,
               const std::vector<ImageFacts>& facts,
               std::vector<CaptionedImage>* files, ConfigReport* report);

}  // namespace atelier::trainer
