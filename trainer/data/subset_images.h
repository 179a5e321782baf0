// The images of one subset and their captions, before any image is opened.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

struct CaptionedImage {
  std::string path;
  std::string caption;
};

// What a caption file says: its first line, or with enable_wildcard every line
// that is not blank, joined by newlines; stripped. Errors: INVALID_ARGUMENT for
// an empty file or one that is not UTF-8; as ReadFile.
absl::StatusOr<std::string> ReadCaptionFile(const std::string& path,
                                            bool enable_wildcard);

// The images in image_dir (not below it), sorted, each with the caption in
// NAME + caption_extension, else (face-crop naming, NAME_cx_cy_w_h) NAME's
// beginning + caption_extension, else the class tokens. Mistakes go to the
// report; images without any caption are named in one warning.
std::vector<CaptionedImage> ListSubsetImages(const SubsetOptions& subset,
                                             ConfigReport* report);

}  // namespace atelier::trainer
