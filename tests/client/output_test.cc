#include <sstream>

#include "gtest/gtest.h"

#include "client/output/event_text.h"
#include "client/output/table.h"
#include "client/output/text.h"

namespace atelier::client {
namespace {

TEST(OutputTest, ControlCharactersAreWrittenOut) {
  EXPECT_EQ(Printable("a\nb\tc\x1b[2J\x7f"), "a\\nb\\tc\\x1b[2J\\x7f");
  EXPECT_EQ(Printable("é \xc2\x9b \xff"), "é \\x9b ?");
  EXPECT_EQ(PrintableLines("a\nb\x1b"), "a\nb\\x1b");
}

TEST(OutputTest, DurationsAndSizesAreShort) {
  EXPECT_EQ(DurationText(absl::Seconds(8)), "8s");
  EXPECT_EQ(DurationText(absl::Seconds(187)), "3m07s");
  EXPECT_EQ(DurationText(absl::Seconds(3720)), "1h02m");
  EXPECT_EQ(DurationText(absl::Hours(50)), "2d2h");
  EXPECT_EQ(DurationText(-absl::Seconds(8)), "0s");
  EXPECT_EQ(BytesText(12), "12 B");
  EXPECT_EQ(BytesText(int64_t{3} << 29), "1.5 GiB");
}

TEST(OutputTest, ColumnsAlignWhateverTheirColour) {
  Table table({"A", "B"});
  table.Add({"\x1b[31mred\x1b[0m", "x"});
  table.Add({"漢字漢", "y"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "A    B\n\x1b[31mred\x1b[0m  x\n漢字漢  y\n");
}

TEST(OutputTest, EveryKindOfEventHasItsWords) {
  const auto& kinds = *v1::Event::descriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds.field_count(); ++i) {
    v1::Event event;
    event.GetReflection()->MutableMessage(&event, kinds.field(i));
    EXPECT_EQ(EventText(event).find("unknown"), std::string::npos)
        << kinds.field(i)->name();
  }
}

TEST(OutputTest, UnknownEventIsNamedByItsNumber) {
  v1::Event event;
  event.GetReflection()->MutableUnknownFields(&event)->AddVarint(99, 1);
  EXPECT_EQ(EventText(event), "unknown_99");
}

}  // namespace
}  // namespace atelier::client
