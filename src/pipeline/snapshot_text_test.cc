#include "pipeline/snapshot_text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TableSnapshotStatus table(uint64_t rows, int64_t expected) {
  return {"public.big", rows, expected, 5'100'000, Millis(2000)};
}

TEST(SnapshotTextTest, HowFarHowFastAndHowLongStill) {
  EXPECT_EQ(
      progress_bar(table(20'000, 40'000)),
      "public.big [##########..........] 50 % of ~40000 rows, 5.1 MB, 10000 rows/s, 0:02 left");
  EXPECT_EQ(seconds_left(table(20'000, 4'040'000)), 402u);
}

TEST(SnapshotTextTest, WithoutAGuessThereIsNoEnd) {
  EXPECT_EQ(progress_bar(table(20'000, -1)), "public.big 20000 rows, 5.1 MB, 10000 rows/s");
  EXPECT_EQ(snapshot_json(table(20'000, -1)),
            R"({"table":"public.big","rows":20000,"rows_expected":null,"bytes":5100000,)"
            R"("rows_per_s":10000,"eta_s":null})");
}

TEST(SnapshotTextTest, AGuessThatIsTooLowIsNeverTheEnd) {
  EXPECT_EQ(percent_done(table(50'000, 40'000)), 99u);
  EXPECT_EQ(seconds_left(table(50'000, 40'000)), 0u);
}

TEST(SnapshotTextTest, BeforeTheFirstRowNothingIsKnown) {
  EXPECT_EQ(percent_done(table(0, 40'000)), 0u);
  EXPECT_EQ(seconds_left(table(0, 40'000)), std::nullopt);
}

}  // namespace
}  // namespace millrace
