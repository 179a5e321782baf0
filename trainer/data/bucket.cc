#include "trainer/data/bucket.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace atelier::trainer {
namespace {

double AspectOf(ImageSize size) {
  return size.width / static_cast<double>(size.height);
}

int FloorTo(int value, int step) { return value - value % step; }

int RoundHalfUp(double value) { return static_cast<int>(value + 0.5); }

}  // namespace

BucketOptions BucketOptionsOf(const DatasetOptions& dataset) {
  const int step = dataset.bucket_reso_steps;
  const int max = dataset.max_bucket_reso;
  return {.resolution = {dataset.width, dataset.height},
          .min_size = FloorTo(dataset.min_bucket_reso, step),
          .max_size = FloorTo(max + step - 1, step),
          .step = step,
          .no_upscale = dataset.bucket_no_upscale};
}

std::vector<ImageSize> MakeBucketResolutions(const BucketOptions& options) {
  const int64_t area =
      int64_t{options.resolution.width} * options.resolution.height;
  const int step = options.step;
  const int square =
      FloorTo(static_cast<int>(std::sqrt(static_cast<double>(area))), step);
  std::set<ImageSize> sizes = {{square, square}};
  for (int width = options.min_size; width > 0 && width <= options.max_size;
       width += step) {
    const int64_t rows = area / width / step * step;
    const int height =
        static_cast<int>(std::min<int64_t>(options.max_size, rows));
    if (height < options.min_size) continue;
    sizes.insert({width, height});
    sizes.insert({height, width});
  }
  return {sizes.begin(), sizes.end()};
}

ImageSize CoverSize(ImageSize image, ImageSize bucket) {
  const double scale = AspectOf(image) > AspectOf(bucket)
                           ? bucket.height / static_cast<double>(image.height)
                           : bucket.width / static_cast<double>(image.width);
  return {RoundHalfUp(image.width * scale), RoundHalfUp(image.height * scale)};
}

CropBox FittedCrop(ImageSize bucket, ImageSize image) {
  const double aspect = AspectOf(image);
  double width = bucket.width;
  double height = bucket.height;
  if (AspectOf(bucket) > aspect) {
    width = bucket.height * aspect;
  } else {
    height = bucket.width / aspect;
  }
  CropBox box;
  box.left = std::floor((bucket.width - width) / 2);
  box.top = std::floor((bucket.height - height) / 2);
  box.right = box.left + width;
  box.bottom = box.top + height;
  return box;
}

BucketSet::BucketSet(const BucketOptions& options) : options_(options) {
  if (!options.no_upscale) predefined_ = MakeBucketResolutions(options);
}

BucketChoice BucketSet::Choose(ImageSize image) const {
  BucketChoice choice =
      options_.no_upscale ? SelectOwnSize(image) : SelectPredefined(image);
  const bool is_empty = choice.resized.width == 0 || choice.resized.height == 0;
  choice.aspect_error = is_empty ? std::numeric_limits<double>::quiet_NaN()
                                 : AspectOf(choice.bucket) - AspectOf(image);
  return choice;
}

BucketChoice BucketSet::Select(ImageSize image) {
  const BucketChoice choice = Choose(image);
  if (choice.resized.width == 0 || choice.resized.height == 0) return choice;
  if (places_.emplace(choice.bucket, sizes_.size()).second) {
    sizes_.push_back(choice.bucket);
    images_.emplace_back();
  }
  return choice;
}

BucketChoice BucketSet::SelectPredefined(ImageSize image) const {
  // A bucket of the image's own size wins even where another has the same
  // aspect; else the first of the least difference.
  if (std::binary_search(predefined_.begin(), predefined_.end(), image)) {
    return {image, image, 0};
  }
  const double aspect = AspectOf(image);
  const auto nearest = std::min_element(
      predefined_.begin(), predefined_.end(), [&](ImageSize a, ImageSize b) {
        return std::abs(AspectOf(a) - aspect) < std::abs(AspectOf(b) - aspect);
      });
  return {*nearest, CoverSize(image, *nearest), 0};
}

BucketChoice BucketSet::SelectOwnSize(ImageSize image) const {
  const int step = options_.step;
  const double area = static_cast<double>(options_.resolution.width) *
                      options_.resolution.height;
  ImageSize resized = image;
  if (static_cast<double>(image.width) * image.height > area) {
    const double aspect = AspectOf(image);
    const double fitted_width = std::sqrt(area * aspect);
    const double fitted_height = area / fitted_width;
    const auto to_step = [step](double x) {
      return FloorTo(RoundHalfUp(x), step);
    };
    // Either the width or the height is a multiple of the step exactly: the one
    // that keeps the aspect better.
    const int width = to_step(fitted_width);
    const int height_of_width = to_step(width / aspect);
    const int height = to_step(fitted_height);
    const int width_of_height = to_step(height * aspect);
    if (height_of_width == 0 || height == 0) return {};
    const double width_error =
        std::abs(AspectOf({width, height_of_width}) - aspect);
    const double height_error =
        std::abs(AspectOf({width_of_height, height}) - aspect);
    resized = width_error < height_error
                  ? ImageSize{width, RoundHalfUp(width / aspect)}
                  : ImageSize{RoundHalfUp(height * aspect), height};
  }
  const ImageSize bucket = {FloorTo(resized.width, step),
                            FloorTo(resized.height, step)};
  return {bucket, resized, 0};
}

void BucketSet::Add(ImageSize bucket, int64_t image) {
  images_[places_.at(bucket)].push_back(image);
}

void BucketSet::Sort() {
  // places_ is ordered by size already.
  std::vector<ImageSize> sizes;
  std::vector<std::vector<int64_t>> images;
  for (auto& [size, place] : places_) {
    images.push_back(std::move(images_[place]));
    place = sizes.size();
    sizes.push_back(size);
  }
  sizes_ = std::move(sizes);
  images_ = std::move(images);
}

}  // namespace atelier::trainer
