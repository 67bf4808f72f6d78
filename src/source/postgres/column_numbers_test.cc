#include "source/postgres/column_numbers.h"

#include <gmock/gmock.h>

#include <string>

namespace millrace {
namespace {

using testing::ElementsAre;

struct Known {
  std::string name;
  int16_t attnum;
  uint32_t type = 23;
};

// The catalogue's columns; `count`: with those that were dropped.
TableSchema catalogue(int16_t count, const std::vector<Known>& columns) {
  TableSchema out;
  out.attribute_count = count;
  for (const Known& known : columns) {
    Column column;
    column.name = known.name;
    column.attnum = known.attnum;
    column.type.oid = known.type;
    out.columns.push_back(std::move(column));
  }
  return out;
}

pgoutput::Relation relation(const std::vector<pgoutput::RelationColumn>& columns) {
  pgoutput::Relation out;
  out.columns = columns;
  return out;
}

TEST(ColumnNumbersTest, TheSameTableGivesItsNumbers) {
  EXPECT_THAT(column_numbers(relation({{"a", 23}, {"b", 23}}), catalogue(2, {{"a", 1}, {"b", 2}})),
              ElementsAre(1, 2));
  EXPECT_THAT(column_numbers(relation({{"a", 23}, {"b", 23}}), catalogue(5, {{"a", 2}, {"b", 5}})),
              ElementsAre(2, 5));
}

TEST(ColumnNumbersTest, AColumnThatIsRenamedSinceIsFoundByItsPlace) {
  EXPECT_THAT(column_numbers(relation({{"a", 23}, {"old", 23}, {"c", 23}}),
                             catalogue(3, {{"a", 1}, {"new", 2}, {"c", 3}})),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(column_numbers(relation({{"a", 23}, {"b", 23}}), catalogue(2, {{"b", 1}, {"a", 2}})),
              ElementsAre(1, 2));
}

TEST(ColumnNumbersTest, AColumnMadeAgainSinceIsNotTheOldOneWhereTheOrderSaysSo) {
  EXPECT_THAT(column_numbers(relation({{"a", 23}, {"b", 23}, {"c", 23}}),
                             catalogue(4, {{"a", 1}, {"c", 3}, {"b", 4}})),
              ElementsAre(1, 2, 3));
  // Also where others were dropped before.
  EXPECT_THAT(column_numbers(relation({{"a", 23}, {"b", 23}, {"c", 23}}),
                             catalogue(9, {{"a", 1}, {"c", 3}, {"b", 9}})),
              ElementsAre(1, 2, 3));
}

TEST(ColumnNumbersTest, TheLastColumnMadeAgainIsTakenForTheNewOne) {
  EXPECT_THAT(column_numbers(relation({{"a", 23}, {"b", 23}}), catalogue(3, {{"a", 1}, {"b", 3}})),
              ElementsAre(1, 3));
}

TEST(ColumnNumbersTest, WithAnotherTypeItIsUnknownWhetherItIsTheNewOne) {
  EXPECT_THAT(
      column_numbers(relation({{"a", 23}, {"b", 23}}), catalogue(3, {{"a", 1}, {"b", 3, 25}})),
      ElementsAre(1, 0));
  EXPECT_THAT(
      column_numbers(relation({{"a", 23}, {"b", 23}}), catalogue(2, {{"a", 1}, {"b", 2, 25}})),
      ElementsAre(1, 2));
}

TEST(ColumnNumbersTest, WithoutACatalogueNothingIsKnown) {
  EXPECT_THAT(column_numbers(relation({{"a", 23}}), catalogue(0, {})), ElementsAre(0));
}

}  // namespace
}  // namespace millrace
