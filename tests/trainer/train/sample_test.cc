// Previews: files, their text, and that training does not notice them.
#include "opencv2/imgcodecs.hpp"

#include "tests/trainer/train/train_fixture.h"

namespace atelier::trainer {
namespace {

using testing::FileBytes;
using ::testing::HasSubstr;
using testing::TrainTest;

class SampleTest : public TrainTest {
 protected:
  v1::JobSpec WithSamples(const std::string& output) {
    v1::JobSpec spec = Spec(output);
    v1::SampleOptions& sample = *spec.mutable_training()->mutable_sample();
    sample.add_sample_prompt("a cat --w 64 --h 72 --s 2 --d 5 --n a dog");
    sample.add_sample_prompt("ein Bär --w 64 --h 64 --s 2 --ss euler");
    sample.set_sample_every_n_steps(3);
    return spec;
  }
};

TEST_F(SampleTest, PicturesAreDrawnWhenDueAndSayHow) {
  const absl::Status status = Run(WithSamples("out"));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(events_.Of<Warning>().empty());
  const std::vector<SampleSaved> samples = events_.Of<SampleSaved>();
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_THAT(samples[0].path,
              ::testing::MatchesRegex("sample/t_000003_00_[0-9]{14}_5\\.png"));
  EXPECT_THAT(samples[1].path,
              ::testing::MatchesRegex("sample/t_000003_01_[0-9]{14}\\.png"));
  EXPECT_EQ(samples[0].prompt, "a cat");
  EXPECT_EQ(samples[0].seed, 5);
  const std::string bytes = FileBytes(Out("out", samples[0].path));
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), samples[0].size_bytes);
  EXPECT_THAT(bytes, HasSubstr("tEXtparameters"));
  EXPECT_THAT(bytes, HasSubstr("Negative prompt: a dog\nSteps: 2, Sampler: "
                               "ddim, CFG scale: 7.5, Seed: 5, Size: 64x72"));
  EXPECT_THAT(FileBytes(Out("out", samples[1].path)),
              HasSubstr("iTXtparameters"));
  const cv::Mat image = cv::imread(Out("out", samples[0].path));
  EXPECT_EQ(image.cols, 64);
  EXPECT_EQ(image.rows, 72);
}

TEST_F(SampleTest, TrainingIsTheSameWithAndWithoutThem) {
  v1::JobSpec with = WithSamples("with");
  v1::JobSpec without = WithSamples("without");
  without.mutable_training()->mutable_sample()->clear_sample_every_n_steps();
  with.mutable_training()->mutable_output()->set_save_state(true);
  without.mutable_training()->mutable_output()->set_save_state(true);
  ASSERT_TRUE(Run(with).ok());
  ASSERT_TRUE(Run(without).ok());
  EXPECT_TRUE(FileBytes(Out("with", "t-state/model.safetensors")) ==
              FileBytes(Out("without", "t-state/model.safetensors")));
}

TEST_F(SampleTest, EpochsTakeThePlaceOfSteps) {
  v1::JobSpec spec = WithSamples("out");
  v1::SampleOptions& sample = *spec.mutable_training()->mutable_sample();
  sample.set_sample_every_n_epochs(2);
  sample.set_sample_at_first(true);
  ASSERT_TRUE(Run(spec).ok());
  const std::vector<SampleSaved> samples = events_.Of<SampleSaved>();
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_THAT(samples[0].path, HasSubstr("t_e000000_00_"));
  EXPECT_THAT(samples[2].path, HasSubstr("t_e000002_00_"));
}

TEST_F(SampleTest, APreviewThatFailsIsAWarning) {
  v1::JobSpec spec = WithSamples("out");
  std::filesystem::create_directories(dir_.File("out"));
  std::ofstream(Out("out", "sample")) << "a file where the folder should be";
  const absl::Status status = Run(spec);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(events_.Of<Warning>().size(), 4u);
  EXPECT_TRUE(std::filesystem::exists(Out("out", "t.safetensors")));
}

TEST_F(SampleTest, AnUnknownSamplerIsRefusedBeforeTraining) {
  v1::JobSpec spec = WithSamples("out");
  spec.mutable_training()->mutable_sample()->add_sample_prompt("x --ss magic");
  const absl::Status status = Run(spec);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr("magic"), HasSubstr("ddim")));
  EXPECT_TRUE(events_.Of<StepDone>().empty());
}

}  // namespace
}  // namespace atelier::trainer
