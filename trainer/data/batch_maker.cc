#include "trainer/data/batch_maker.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/data/caption.h"
#include "trainer/data/image/image_decode.h"
#include "trainer/data/loss_mask.h"
#include "trainer/tensor/rng.h"

namespace atelier::trainer {
namespace {

ImageGeometry GeometryOf(const DatasetImage& image, const Placement& placement,
                         const Augmentation& augmentation) {
  const CropBox& crop = placement.crop;
  const bool flip = augmentation.flip;
  ImageGeometry geometry;
  if (augmentation.frame.has_value()) {
    // A crop around a face is told as an image of its own, as in sd-scripts.
    geometry.original_width = geometry.target_width = placement.bucket.width;
    geometry.original_height = geometry.target_height = placement.bucket.height;
    return geometry;
  }
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

Tensor RowsLike(const Tensor& value, int64_t rows) {
  std::vector<int64_t> shape = value.sizes().vec();
  shape.insert(shape.begin(), rows);
  return torch::empty(shape, torch::kFloat32);
}

// Puts a tensor into row `row` of `batch`, which is made from the first. Plain
// loops: LibTorch's own would start threads of its own in each of ours.
void SetRow(const Tensor& value, int64_t row, int64_t rows, Tensor* batch) {
  if (!batch->defined()) *batch = RowsLike(value, rows);
  const int64_t count = value.numel();
  std::memcpy(batch->data_ptr<float>() + row * count, value.data_ptr<float>(),
              static_cast<size_t>(count) * sizeof(float));
}

// The same of a mask; rows without one are ones.
void SetMask(const Tensor& mask, int64_t row, int64_t rows, Tensor* batch) {
  if (!mask.defined()) return;
  if (!batch->defined()) {
    *batch = RowsLike(mask, rows);
    std::fill_n(batch->data_ptr<float>(), batch->numel(), 1.0F);
  }
  SetRow(mask, row, rows, batch);
}

// Bytes [H, W] to [1, H, W] in 0..1.
Tensor MaskToTensor(const cv::Mat& mask) {
  Tensor tensor = torch::empty({1, mask.rows, mask.cols}, torch::kFloat32);
  float* out = tensor.data_ptr<float>();
  for (int y = 0; y < mask.rows; ++y) {
    const uint8_t* row = mask.ptr<uint8_t>(y);
    for (int x = 0; x < mask.cols; ++x) {
      *out++ = static_cast<float>(row[x]) / 255.0F;
    }
  }
  return tensor;
}

// Whether a damaged file is to be left out; one that is gone or cannot be
// reached is no damaged one.
bool CanBeSkipped(const absl::Status& status,
                  const BatchMakerOptions& options) {
  return options.skip_corrupt_images && absl::IsDataLoss(status);
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

Augmentation BatchMaker::AugmentationOf(const PlannedBatch& plan,
                                        int64_t sample) const {
  const int64_t number = plan.images[sample];
  const DatasetImage& image = index_.images[number];
  const SubsetOptions& subset = index_.subset_of(image);
  Augmentation drawn = DrawAugmentation(
      subset, Rng(options_.seed, RngPurpose::kAugmentation,
                  static_cast<uint64_t>(plan.position.epoch),
                  static_cast<uint64_t>(plan.first_sample + sample)));
  const bool frames_faces = subset.face_crop.has_value() &&
                            latents_ == nullptr &&
                            !index_.dataset_of(image).enable_bucket;
  const std::optional<Face> face =
      frames_faces ? FaceInName(image.path) : std::nullopt;
  if (face.has_value()) {
    drawn.frame = FrameFace({image.width, image.height},
                            layout_.placements[number].bucket, *face,
                            *subset.face_crop, subset.random_crop, drawn.face);
  }
  return drawn;
}

absl::Status BatchMaker::Decode(int64_t image, const Augmentation& augmentation,
                                Sample* sample) const {
  const DatasetImage& entry = index_.images[image];
  const Placement& placement = layout_.placements[image];
  const std::string& interpolation =
      index_.subset_of(entry).resize_interpolation;
  ASSIGN_OR_RETURN(const DecodedImage decoded,
                   DecodeImageFile(entry.path, DecodingOf(index_, entry)));
  RETURN_IF_ERROR(CheckUnchanged(entry, {decoded.rgb.cols, decoded.rgb.rows}));
  if (latents_ == nullptr) {
    sample->pixels =
        TransformImage(decoded.rgb, placement, interpolation, augmentation);
  }
  ASSIGN_OR_RETURN(const cv::Mat mask, ReadMask(index_, entry, decoded));
  if (!mask.empty()) {
    sample->mask = MaskToTensor(
        TransformMask(mask, placement, interpolation, augmentation));
  }
  return absl::OkStatus();
}

absl::StatusOr<BatchMaker::Sample> BatchMaker::SampleOf(
    int64_t image, const Augmentation& augmentation) const {
  Sample sample;
  if (latents_ == nullptr) {
    RETURN_IF_ERROR(Decode(image, augmentation, &sample));
    return sample;
  }
  sample.latents = latents_->Latents(image, augmentation.flip);
  if (options_.masks != nullptr) {
    sample.mask = options_.masks->Mask(image, augmentation.flip);
  } else if (HasMask(index_, index_.images[image])) {
    RETURN_IF_ERROR(Decode(image, augmentation, &sample));
  }
  return sample;
}

BatchMaker::Sample BatchMaker::BlankSample(int64_t image,
                                           const absl::Status& reason,
                                           Batch* batch) const {
  batch->warnings.push_back(
      absl::StrCat("left out: ", std::string(reason.message())));
  Sample sample;
  if (latents_ != nullptr) {
    sample.latents = latents_->Latents(image, false);
  } else {
    const ImageSize size = layout_.placements[image].bucket;
    sample.pixels = torch::zeros({3, size.height, size.width}, torch::kFloat32);
  }
  return sample;
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
    const Augmentation augmentation = AugmentationOf(plan, i);
    const bool is_left_out = latents_ != nullptr && latents_->IsLeftOut(number);
    double weight = is_left_out ? 0 : image.loss_weight;
    absl::StatusOr<Sample> made = SampleOf(number, augmentation);
    if (!made.ok() && CanBeSkipped(made.status(), options_)) {
      made = BlankSample(number, made.status(), &batch);
      weight = 0;
    }
    ASSIGN_OR_RETURN(const Sample sample, std::move(made));
    if (sample.latents.defined()) {
      SetRow(sample.latents, i, size, &batch.latents);
    } else {
      SetRow(sample.pixels, i, size, &batch.images);
    }
    SetMask(sample.mask, i, size, &batch.loss_mask);
    batch.captions.push_back(CaptionOf(plan, i));
    batch.geometry.push_back(
        GeometryOf(image, layout_.placements[number], augmentation));
    batch.loss_weights.data_ptr<float>()[i] = static_cast<float>(weight);
  }
  return batch;
}

}  // namespace atelier::trainer
