#include <gmock/gmock.h>

#include "sink/duckdb/sink_fixture.h"

namespace millrace::duckdb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kShopSql =
    "SELECT row.sku, row.name, row.price, row.available AS quantity, ts AS timestamp, op = 'd' AS "
    "deleted FROM "
    "changes";

class HistoryTest : public DuckDbSinkFixture {
 protected:
  HistoryTest() {
    config_.mode = DuckDbMode::kHistory;
    branch_.sql = {{"", kShopSql}};
  }

  static SchemaPtr inventory() {
    return test_table("inventory",
                      {test_column("id", PgType::kUuid), test_column("sku", PgType::kBpchar, 19),
                       test_column("name", PgType::kVarchar), test_column("price", PgType::kFloat8),
                       test_column("available", PgType::kInt4)},
                      {}, ReplicaIdentity::kFull);
  }

  static TestRow row(const std::string& sku, const std::string& available) {
    return {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", sku, "n", "0.1", available};
  }

  static void as_snapshot(TestBatch& batch, bool starts, bool completes) {
    batch.batch().stream = table_stream(batch.batch().schemas.front()->oid);
    batch.batch().snapshot_start = starts;
    batch.batch().offset.snapshot = completes ? SnapshotPhase::kCompleted : SnapshotPhase::kRunning;
  }

  std::vector<std::string> history() {
    return rows("SELECT sku, quantity, deleted FROM inventory_history");
  }
};

TEST_F(HistoryTest, EveryChangeBecomesTheRowThatTheSqlMakes) {
  auto table = inventory();
  open();
  TestBatch batch(1);
  batch.insert(table, row("a", "5"));
  batch.add(Op::kUpdate, table, row("a", "5"), row("a", "4"));
  batch.add(Op::kDelete, table, row("a", "4"), std::nullopt);
  ASSERT_EQ(store(batch), "");
  EXPECT_THAT(history(), ElementsAre("a|5|false", "a|4|false", "a|4|true"));
  EXPECT_THAT(rows("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = "
                   "'inventory_history'"),
              ElementsAre("sku|VARCHAR", "name|VARCHAR", "price|DOUBLE", "quantity|INTEGER",
                          "timestamp|TIMESTAMP", "deleted|BOOLEAN"));
}

TEST_F(HistoryTest, AnUnfinishedSnapshotIsNotDoubledWhenItStartsAnew) {
  auto table = inventory();
  open();
  TestBatch streamed(1, 10);
  streamed.insert(table, row("kept", "1"));
  ASSERT_EQ(store(streamed), "");
  TestBatch half(2, 100);
  half.add(Op::kRead, table, std::nullopt, row("a", "1"));
  half.add(Op::kRead, table, std::nullopt, row("kept", "1"));
  as_snapshot(half, true, false);
  ASSERT_EQ(store(half), "");
  open();
  TestBatch again(1, 200);
  again.add(Op::kRead, table, std::nullopt, row("a", "1"));
  as_snapshot(again, true, false);
  ASSERT_EQ(store(again), "");
  TestBatch rest(2, 300);
  rest.add(Op::kRead, table, std::nullopt, row("b", "2"));
  as_snapshot(rest, false, true);
  TestBatch next(3, 400);
  next.insert(table, row("c", "3"));
  ASSERT_EQ(store({&rest, &next}), "");
  EXPECT_THAT(rows("SELECT sku FROM inventory_history ORDER BY sku"),
              ElementsAre("a", "b", "c", "kept"));
  EXPECT_THAT(rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'snapshot%'"),
              IsEmpty());
}

TEST_F(HistoryTest, ASnapshotThatGoesOnAfterARestartStaysWhole) {
  auto table = inventory();
  open();
  TestBatch half(1, 100);
  half.add(Op::kRead, table, std::nullopt, row("a", "1"));
  as_snapshot(half, true, false);
  ASSERT_EQ(store(half), "");
  open();
  TestBatch rest(1, 200);
  rest.add(Op::kRead, table, std::nullopt, row("b", "2"));
  as_snapshot(rest, false, true);
  ASSERT_EQ(store(rest), "");
  EXPECT_THAT(rows("SELECT sku FROM inventory_history ORDER BY sku"), ElementsAre("a", "b"));
}

TEST_F(HistoryTest, WithoutSqlAllColumnsAndTheChangeAreKept) {
  branch_.sql.clear();
  auto table =
      test_table("t", {test_column("id", PgType::kInt4), test_column("op", PgType::kText)}, {0});
  open();
  TestBatch batch(1);
  batch.insert(table, {"1", "x"});
  batch.add(Op::kUpdate, table, std::nullopt, TestRow{"1", kUnchangedValue});
  batch.add(Op::kTruncate, table, std::nullopt, std::nullopt);
  ASSERT_EQ(store(batch), "");
  EXPECT_THAT(
      rows("SELECT id, op, op_2, lsn, seq, deleted, unavailable::VARCHAR FROM t_history"),
      ElementsAre("1|x|c|108|1|false|[]", "1|~|u|116|1|false|[op]", "~|~|t|124|1|false|[]"));
}

TEST_F(HistoryTest, ARowThatTheSqlCannotComputeGoesToTheDeadLettersWithoutItsValue) {
  branch_.sql = {{"", "SELECT CAST(row.name AS INTEGER) AS n FROM changes"}};
  auto table = inventory();
  open();
  TestBatch batch(1);
  for (int i = 0; i < 9; ++i) {
    TestRow values = row("a", "1");
    values[2] = i == 2 || i == 7 ? "secret" : std::to_string(i);
    batch.insert(table, values);
  }
  ASSERT_EQ(store(batch), "");
  EXPECT_THAT(rows("SELECT n FROM inventory_history"),
              ElementsAre("0", "1", "3", "4", "5", "6", "8"));
  ASSERT_EQ(dead_.added.size(), 2u);
  EXPECT_THAT(dead_.added[0], testing::AllOf(HasSubstr("0/7C public.inventory"),
                                             testing::Not(HasSubstr("secret"))));
}

TEST_F(HistoryTest, AStatementWithANewColumnAddsItToTheTarget) {
  auto table = inventory();
  open();
  TestBatch batch(1);
  batch.insert(table, row("a", "5"));
  ASSERT_EQ(store(batch), "");
  branch_.sql = {{"public\\.inventory", "SELECT row.sku, row.id AS id, lsn FROM changes"}};
  open();
  TestBatch second(2, 500);
  second.insert(table, row("b", "5"));
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(rows("SELECT sku, quantity, id, lsn FROM inventory_history ORDER BY sku"),
              ElementsAre("a|5|~|~", "b|~|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|508"));
}

TEST_F(HistoryTest, AColumnThatChangesItsTypeWidensTheTarget) {
  auto v1 = inventory();
  auto v2 = std::make_shared<TableSchema>(*v1);
  v2->version = next_schema_version();
  v2->columns[4].type.type = PgType::kText;
  open();
  TestBatch batch(1);
  batch.insert(v1, row("a", "5"));
  ASSERT_EQ(store(batch), "");
  TestBatch second(2, 500);
  second.insert(v1, row("b", "6"));
  second.insert(v2, row("c", "many"));
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(history(), ElementsAre("a|5|false", "b|6|false", "c|many|false"));
  EXPECT_THAT(dead_.added, IsEmpty());
}

TEST_F(HistoryTest, AColumnThatBecomesTextKeepsTheServersText) {
  auto v1 = test_table("t",
                       {test_column("id", PgType::kInt4), test_column("f", PgType::kFloat8),
                        test_column("b", PgType::kBytea), test_column("i", PgType::kInterval)},
                       {0});
  auto v2 = std::make_shared<TableSchema>(*v1);
  v2->version = next_schema_version();
  for (size_t i = 1; i < v2->columns.size(); ++i)
    v2->columns[i].type.type = PgType::kText;
  branch_.sql = {{"", "SELECT row.* FROM changes"}};
  open();
  TestBatch batch(1);
  batch.insert(v1, {"1", "1", "\\x6162", "1 year 2 mons"});
  ASSERT_EQ(store(batch), "");
  TestBatch second(2, 500);
  second.insert(v2, {"2", "x", "y", "z"});
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(rows("SELECT f, b, i FROM t_history ORDER BY id"),
              ElementsAre("1|\\x6162|1 year 2 mons", "x|y|z"));
}

TEST_F(HistoryTest, AWrongStatementFailsAtOpen) {
  branch_.sql = {{"", "SELECT count(*) FROM changes"}};
  sink_ = make_duckdb_sink(config_, branch_, context_);
  auto done = sink_->open();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kConfig);
  EXPECT_EQ(check_duckdb_sink(config_, branch_, {}).size(), 1u);
}

TEST_F(HistoryTest, AFileThatIsNoDatabaseIsNamedWithItsCure) {
  config_.file = folder_ + "/text";
  {
    std::unique_ptr<FILE, int (*)(FILE*)> f(fopen(config_.file.c_str(), "w"), fclose);
    fputs("no database, but long enough for a header of one, which needs some thousand bytes",
          f.get());
  }
  auto problems = check_duckdb_sink(config_, branch_, {});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, HasSubstr("is no DuckDB database"));
  config_.file = folder_ + "/missing/w.duckdb";
  problems = check_duckdb_sink(config_, branch_, {});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, HasSubstr("does not exist"));
}

}  // namespace
}  // namespace millrace::duckdb
