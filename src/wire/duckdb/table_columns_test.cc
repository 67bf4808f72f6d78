#include "wire/duckdb/table_columns.h"

#include <gtest/gtest.h>

namespace millrace::duckdb {
namespace {

Column column(const char* name) {
  Column out;
  out.name = name;
  out.type.type = PgType::kInt4;
  return out;
}

TEST(StoredColumns, GeneratedAndUncapturedColumnsAreNotKept) {
  TableSchema table;
  table.columns = {column("id"), column("twice"), column("secret"), column("n")};
  table.columns[1].generated = true;
  table.columns[2].captured = false;
  const auto stored = stored_columns(table);
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[0].name, "id");
  EXPECT_EQ(stored[1].name, "n");
  EXPECT_EQ(stored[1].index, 3U);
}

TEST(StoredColumns, NamesThatDifferInCaseAloneGetANumber) {
  TableSchema table;
  table.columns = {column("a"), column("A")};
  const auto stored = stored_columns(table);
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[1].name, "A_2");
}

}  // namespace
}  // namespace millrace::duckdb
