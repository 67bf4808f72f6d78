#include "wire/duckdb/type_map.h"

#include <gtest/gtest.h>

namespace millrace::duckdb {
namespace {

// Both ways round.
std::string wider(StorageType a, StorageType b) {
  EXPECT_EQ(sql_name(widest(a, b)), sql_name(widest(b, a)));
  return sql_name(widest(a, b));
}

TEST(TypeMapTest, TheWiderOfTwoTypesHoldsBothExactly) {
  const StorageType decimal{Storage::kDecimal, 10, 2};
  EXPECT_EQ(wider({Storage::kInteger}, {Storage::kBigint}), "BIGINT");
  EXPECT_EQ(wider({Storage::kInteger}, decimal), "DECIMAL(12,2)");
  EXPECT_EQ(wider({Storage::kFloat}, {Storage::kDouble}), "DOUBLE");
  EXPECT_EQ(wider({Storage::kSmallint}, {Storage::kFloat}), "FLOAT");
  EXPECT_EQ(wider({Storage::kInteger}, {Storage::kFloat}), "DOUBLE");
  EXPECT_EQ(wider({Storage::kUinteger}, {Storage::kDouble}), "DOUBLE");
  EXPECT_EQ(wider({Storage::kBigint}, {Storage::kDouble}), "VARCHAR");
  EXPECT_EQ(wider(decimal, {Storage::kDouble}), "VARCHAR");
  EXPECT_EQ(wider({Storage::kDate}, {Storage::kTimestamp}), "TIMESTAMP");
  EXPECT_EQ(wider({Storage::kDate}, {Storage::kTimestamptz}), "TIMESTAMPTZ");
  EXPECT_EQ(wider({Storage::kTimestamp}, {Storage::kTimestamptz}), "TIMESTAMPTZ");
  EXPECT_EQ(wider({Storage::kTime}, {Storage::kTimestamp}), "VARCHAR");
  EXPECT_EQ(wider({Storage::kBoolean}, {Storage::kInteger}), "VARCHAR");
}

}  // namespace
}  // namespace millrace::duckdb
