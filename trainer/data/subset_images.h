// The images of one subset and their captions, before any image is opened.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/bucket.h"
#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

struct CaptionedImage {
  std::string path;  // empty: there is no such file, as `problem` says
  std::string caption;
  bool has_own_caption = false;  // not the class tokens, and not nothing
  std::string problem;      // why its caption cannot be read; empty: it can
  std::string mask_path;    // see mask_files.h; empty: it has none
  std::string mask_sha256;  // of its first 4 KiB
  ImageSize stated_size;    // by its metadata file; 0x0: not stated
};

// The caption file of an image, as ListSubsetImages finds it; empty where there
// is none.
std::string FindCaptionFile(const std::string& image,
                            const std::string& extension);

// What a caption file says: its first line, or with enable_wildcard every line
// that is not blank, joined by newlines; stripped. Errors: INVALID_ARGUMENT for
// an empty file or one that is not UTF-8; as ReadFile.
absl::StatusOr<std::string> ReadCaptionFile(const std::string& path,
                                            bool enable_wildcard);

// The images in image_dir (not below it), sorted, each with the caption in
// NAME + caption_extension, else (face-crop naming, NAME_cx_cy_w_h) NAME's
// beginning + caption_extension, else the class tokens. A folder that cannot be
// read or holds no images goes to the report; images without any caption, and
// files that look like images but are not loaded, are named in warnings.
//
// Threads: captions are read by one a core.
std::vector<CaptionedImage> ListSubsetImages(const SubsetOptions& subset,
                                             ConfigReport* report);

}  // namespace atelier::trainer
