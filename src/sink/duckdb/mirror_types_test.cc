// Values of every type through the mirror and back, compared in the canonical form.
#include <gmock/gmock.h>

#include "sink/duckdb/sink_fixture.h"
#include "tests/support/mirror_rows.h"
#include "wire/duckdb/postgres_text.h"

namespace millrace::duckdb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MirrorTypesTest : public DuckDbSinkFixture {
 protected:
  // What comes back for values of one type, in their order.
  std::vector<std::string> through(PgType type, const std::vector<std::string>& values,
                                   int32_t typmod = -1) {
    auto table =
        test_table("t" + std::to_string(++tables_),
                   {test_column("id", PgType::kInt4), test_column("v", type, typmod)}, {0});
    if (sink_ == nullptr) open();
    TestBatch batch(++seq_);
    int id = 0;
    for (const std::string& value : values)
      batch.insert(table, {std::to_string(id++), value});
    EXPECT_EQ(store(batch), "");
    std::map<int, std::string> out;
    auto database = Database::open(config_.file, {}).value();
    auto done = mirror_rows(*database, config_, *table, [&](TextRow row) {
      out[std::stoi(std::string(*row[0]))] = row[1].value_or("~");
      return true;
    });
    EXPECT_TRUE(done) << done.error().text();
    std::vector<std::string> list;
    for (const auto& [key, value] : out)
      list.push_back(value);
    return list;
  }

  // Expects that they come back as they are, put into canonical form.
  void expect_exact(PgType type, const std::vector<std::string>& values, int32_t typmod = -1) {
    std::vector<std::string> expected;
    ColumnType column;
    column.type = type;
    for (const std::string& value : values)
      expected.push_back(canonical_text(column, value));
    EXPECT_EQ(through(type, values, typmod), expected);
  }

  int tables_ = 0;
  uint64_t seq_ = 0;
};

TEST_F(MirrorTypesTest, NumbersAreExact) {
  expect_exact(PgType::kInt2, {"-32768", "32767"});
  expect_exact(PgType::kInt8, {"-9223372036854775808", "9223372036854775807"});
  expect_exact(PgType::kOid, {"4294967295"});
  expect_exact(PgType::kFloat4, {"0.1", "-0", "3.4028235e+38", "1e-45", "NaN", "Infinity"});
  expect_exact(PgType::kFloat8, {"0.1", "1e-307", "1.7976931348623157e+308", "4.9e-324",
                                 "123456789012345680", "-Infinity"});
  expect_exact(PgType::kNumeric, {"0.00", "-99999999.99", "1.50"}, numeric_typmod(10, 2));
  expect_exact(PgType::kNumeric, {"99999999999999999999999999999999999999", "-1"},
               numeric_typmod(38, 0));
  expect_exact(PgType::kNumeric, {"1234567890123456.78", "-0.01"}, numeric_typmod(18, 2));
  expect_exact(PgType::kNumeric,
               {"3.14159265358979323846264338327950288419716939937510", "NaN", "-Infinity"});
  expect_exact(PgType::kBool, {"t", "f"});
}

TEST_F(MirrorTypesTest, DatesAndTimesAreExact) {
  expect_exact(PgType::kDate, {"2024-02-29", "0044-03-15 BC", "4713-01-01 BC", "5874897-12-31",
                               "infinity", "-infinity"});
  expect_exact(PgType::kTime, {"00:00:00", "24:00:00", "23:59:59.999999", "04:05:06.7"});
  expect_exact(PgType::kTimetz, {"04:05:06.789-08", "12:00:00+05:30", "24:00:00-15:59:59"});
  expect_exact(PgType::kTimestamp, {"2024-02-29 04:05:06.000001", "4713-01-01 00:00:00 BC",
                                    "infinity", "-infinity", "12024-01-01 00:00:00"});
  expect_exact(PgType::kTimestamptz,
               {"2024-02-29 04:05:06.12+00", "0001-12-31 23:59:59+00 BC", "infinity"});
  expect_exact(PgType::kInterval, {"00:00:00", "1 year 2 mons -3 days +04:05:06.789",
                                   "-1 years -2 mons +3 days -04:05:06", "178000000 years",
                                   "-00:00:00.000001", "1000:00:00"});
}

TEST_F(MirrorTypesTest, TextAndBytesAreExact) {
  expect_exact(PgType::kText, {"", "a\tb\n'\"\\", "twelve bytes", "thirteen byte", "日本語 🦆"});
  expect_exact(PgType::kBpchar, {"SKU-1          "}, 19);
  expect_exact(PgType::kBytea, {"\\x", "\\x00ff7f", "\\x" + std::string(4000, 'a')});
  expect_exact(PgType::kUuid,
               {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff"});
  expect_exact(PgType::kJson, {"{\"a\" :  1.10, \"a\":2}", "\"x\"", "1e400"});
  expect_exact(PgType::kArray, {"{1,NULL,3}"});
  expect_exact(PgType::kUnknown, {"(1,2)"});
}

TEST_F(MirrorTypesTest, WhatDuckDbCannotHoldIsRefused) {
  EXPECT_THAT(through(PgType::kNumeric, {"NaN", "Infinity", "1000.00", "1.005", "1.00"},
                      numeric_typmod(5, 2)),
              ElementsAre("1"));
  EXPECT_THAT(
      through(PgType::kTimestamp, {"294247-01-10 04:00:54.775806", "294247-01-10 04:00:54.775807"}),
      ElementsAre("294247-01-10 04:00:54.775806"));
  EXPECT_THAT(through(PgType::kText, {"\xff\xfe", "ok"}), ElementsAre("ok"));
  EXPECT_THAT(through(PgType::kInterval, {"infinity", "1 day"}), ElementsAre("0 1 0"));
  EXPECT_EQ(dead_.added.size(), 7u);
  EXPECT_THAT(dead_.added.back(), HasSubstr("out of the range of INTERVAL"));
}

struct AddedColumn {
  const char* value;
  PgType type;
  int32_t typmod = -1;
};

const AddedColumn kAddedColumns[] = {
    {"t", PgType::kBool},
    {"-32768", PgType::kInt2},
    {"9223372036854775807", PgType::kInt8},
    {"4294967295", PgType::kOid},
    {"0.1", PgType::kFloat4},
    {"NaN", PgType::kFloat8},
    {"it's \xC3\xA4 \\ NULL", PgType::kText},
    {"\\x00ff27", PgType::kBytea},
    {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", PgType::kUuid},
    {"-infinity", PgType::kDate},
    {"24:00:00", PgType::kTime},
    {"10:00:00.5-03:30", PgType::kTimetz},
    {"infinity", PgType::kTimestamp},
    {"0044-03-15 12:00:00+00 BC", PgType::kTimestamptz},
    {"1 mon -3 days", PgType::kInterval},
    {R"({"a": "'"})", PgType::kJsonb},
    {"1.50", PgType::kNumeric, numeric_typmod(10, 2)},
};

// Each ADD COLUMN must leave the others possible in its transaction.
TEST_F(MirrorTypesTest, ColumnsOfAllTypesThatAreAddedTogetherHaveTheirValuesInOlderRows) {
  auto v1 = test_table("t", {test_column("id", PgType::kInt4)}, {0});
  auto v2 = std::make_shared<TableSchema>(*v1);
  v2->version = next_schema_version();
  TestRow row = {"2"};
  for (const auto& [value, type, typmod] : kAddedColumns) {
    const auto number = static_cast<int16_t>(v2->columns.size() + 1);
    Column& column =
        v2->columns.emplace_back(test_column("c" + std::to_string(number), type, typmod));
    column.attnum = number;
    column.missing_value = value;
    row.emplace_back(value);
  }
  TestBatch older(1);
  older.insert(v1, {"1"});
  TestBatch altered(2, 1000);
  altered.insert(v2, row);
  TestBatch again(3, 900);  // of rows that are read again, before the columns were added
  again.insert(v1, {"3"});
  std::vector<std::string> errors;
  for (const TestBatch* batch : {&older, &altered, &again}) {
    open();
    errors.push_back(store(*batch));
  }
  EXPECT_EQ(errors, (std::vector<std::string>{"", "", ""}));
  EXPECT_THAT(rows("SELECT count(*) FROM t"), ElementsAre("3"));
  EXPECT_THAT(rows("SELECT DISTINCT * EXCLUDE (id) FROM t"),
              ElementsAre(testing::Not(HasSubstr("~"))));
}

}  // namespace
}  // namespace millrace::duckdb
