#include "config/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace millrace {
namespace {

constexpr std::array<std::string_view, 5> kKnown = {
    "slot.name", "table.include.list", "database.hostname", "database.port", "publication.name"};

TEST(Nearest, ASwapOfNeighboursIsOneEdit) {
  EXPECT_EQ(edit_distance("solt.name", "slot.name"), 1U);
  EXPECT_EQ(edit_distance("ab", "ba"), 1U);
}

TEST(Nearest, DistanceCountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("same", "same"), 0U);
}

TEST(Nearest, CaseAndSeparatorsAreNoEdits) {
  EXPECT_EQ(edit_distance("Slot_Name", "slot.name"), 0U);
  EXPECT_EQ(nearest_name("SLOT-NAME", kKnown), "slot.name");
}

TEST(Nearest, ATypingErrorFindsItsName) {
  EXPECT_EQ(nearest_name("slot.nmae", kKnown), "slot.name");
  EXPECT_EQ(nearest_name("table.inclde.lists", kKnown), "table.include.list");
}

TEST(Nearest, SomethingElseFindsNothing) {
  EXPECT_EQ(nearest_name("heartbeat.interval.ms", kKnown), std::nullopt);
  EXPECT_EQ(nearest_name("x", kKnown), std::nullopt);
  EXPECT_EQ(nearest_name("", kKnown), std::nullopt);
}

TEST(Nearest, TheLastPartOfANameFindsItWhenOnlyOneEndsSo) {
  EXPECT_EQ(nearest_name("hostname", kKnown), "database.hostname");
  EXPECT_EQ(nearest_name("port", kKnown), "database.port");
  EXPECT_EQ(nearest_name("name", kKnown), std::nullopt);  // slot.name and publication.name
}

}  // namespace
}  // namespace millrace
