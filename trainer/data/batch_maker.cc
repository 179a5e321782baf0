#include "trainer/data/batch_maker.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/data/caption.h"
#include "trainer/data/image/image_decode.h"
#include "trainer/tensor/rng.h"

namespace atelier::trainer {
namespace {

ImageGeometry GeometryOf(const DatasetImage& image, const Placement& placement,
                         bool flip) {
  const CropBox& crop = placement.crop;
  ImageGeometry geometry;
  geometry.original_width = image.width;
  geometry.original_height = image.height;
  // A mirrored image is cut from the other side.
  geometry.crop_left =
      static_cast<int>(flip ? placement.bucket.width - crop.right : crop.left);
  geometry.crop_top = static_cast<int>(crop.top);
  geometry.target_width = placement.bucket.width;
  geometry.target_height = placement.bucket.height;
  return geometry;
}

// Puts a tensor into row `row` of `batch`, which is made from the first. Plain
// copies: LibTorch's own would start threads of its own in each of ours.
void SetRow(const Tensor& value, int64_t row, int64_t rows, Tensor* batch) {
  if (!batch->defined()) {
    std::vector<int64_t> shape = value.sizes().vec();
    shape.insert(shape.begin(), rows);
    *batch = torch::empty(shape, torch::kFloat32);
  }
  const int64_t count = value.numel();
  std::memcpy(batch->data_ptr<float>() + row * count, value.data_ptr<float>(),
              static_cast<size_t>(count) * sizeof(float));
}

}  // namespace

absl::Status CheckUnchanged(const DatasetImage& image, ImageSize decoded) {
  if (decoded == ImageSize{image.width, image.height}) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      image.path, ": image is ", decoded.width, "x", decoded.height,
      " and was ", image.width, "x", image.height,
      " when the dataset was scanned; start again to use the new one"));
}

std::string BatchMaker::CaptionOf(const PlannedBatch& plan,
                                  int64_t sample) const {
  const BatchPosition& at = plan.position;
  const DatasetImage& image = index_.images[plan.images[sample]];
  const CaptionMoment moment = {
      .epoch = at.epoch,
      .step = (at.epoch - 1) * options_.steps_per_epoch +
              at.index / options_.batches_per_step,
      .max_train_steps = options_.max_train_steps};
  StreamCaptionRandom random(
      Rng(options_.seed, RngPurpose::kCaption, static_cast<uint64_t>(at.epoch),
          static_cast<uint64_t>(plan.first_sample + sample)));
  return ProcessCaption(index_.subset_of(image).caption, image.caption, moment,
                        random);
}

absl::StatusOr<Tensor> BatchMaker::PixelsOf(
    int64_t image, const Augmentation& augmentation) const {
  const DatasetImage& entry = index_.images[image];
  DecodeOptions options;
  options.exif_orientation = index_.dataset_of(entry).exif_orientation;
  ASSIGN_OR_RETURN(const DecodedImage image_file,
                   DecodeImageFile(entry.path, options));
  const cv::Mat& decoded = image_file.rgb;
  RETURN_IF_ERROR(CheckUnchanged(entry, {decoded.cols, decoded.rows}));
  return TransformImage(decoded, layout_.placements[image],
                        index_.subset_of(entry).resize_interpolation,
                        augmentation);
}

absl::StatusOr<Batch> BatchMaker::Make(const PlannedBatch& plan) const {
  Batch batch;
  batch.epoch = plan.position.epoch;
  batch.index_in_epoch = plan.position.index;
  batch.image_indices = plan.images;
  const auto size = static_cast<int64_t>(plan.images.size());
  batch.loss_weights = torch::empty({size}, torch::kFloat32);
  for (int64_t i = 0; i < size; ++i) {
    const int64_t number = plan.images[i];
    const DatasetImage& image = index_.images[number];
    const Augmentation augmentation =
        DrawAugmentation(index_.subset_of(image),
                         Rng(options_.seed, RngPurpose::kAugmentation,
                             static_cast<uint64_t>(plan.position.epoch),
                             static_cast<uint64_t>(plan.first_sample + i)));
    if (latents_ != nullptr) {
      SetRow(latents_->Latents(number, augmentation.flip), i, size,
             &batch.latents);
    } else {
      ASSIGN_OR_RETURN(const Tensor pixels, PixelsOf(number, augmentation));
      SetRow(pixels, i, size, &batch.images);
    }
    batch.captions.push_back(CaptionOf(plan, i));
    batch.geometry.push_back(
        GeometryOf(image, layout_.placements[number], augmentation.flip));
    batch.loss_weights.data_ptr<float>()[i] =
        static_cast<float>(image.loss_weight);
  }
  return batch;
}

}  // namespace atelier::trainer
