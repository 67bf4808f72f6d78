#include "transform/sql/sql_transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/duckdb/database.h"
#include "wire/duckdb/test_rows.h"

namespace millrace {
namespace {

using duckdb::TestBatch;
using duckdb::TestRow;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SqlTransformTest : public testing::Test {
 protected:
  SqlTransformTest() { duckdb::find_test_library(); }

  static SchemaPtr inventory() {
    return duckdb::test_table(
        "inventory",
        {duckdb::test_column("sku", PgType::kText), duckdb::test_column("available", PgType::kInt4),
         duckdb::test_column("price", PgType::kFloat8)},
        {}, ReplicaIdentity::kFull);
  }

  // The output rows, "lsn: a|b".
  std::vector<std::string> run(SqlTransformOptions options, const TestBatch& batch) {
    auto transform = make_sql_transform(std::move(options));
    if (!transform) return {transform.error().text()};
    BatchView view = batch.view();
    auto done = (*transform)->apply(view);
    transform->reset();  // the view must not need it any more
    if (!done) return {done.error().text()};
    std::vector<std::string> out;
    for (const Change& change : view.changes) {
      EXPECT_EQ(change.op, Op::kCreate);
      std::string line = std::to_string(change.position.commit_lsn) + ": ";
      for (uint16_t i = 0; i < change.after.count; ++i) {
        line += i > 0 ? "|" : "";
        line += change.after[i].is_null() ? "~" : std::string(change.after[i].view());
      }
      out.push_back(line);
    }
    return out;
  }
};

TEST_F(SqlTransformTest, OutputRowsCarryThePositionOfTheirChangeInOrder) {
  auto table = inventory();
  TestBatch batch;
  batch.add(Op::kUpdate, table, TestRow{"a", "0", "1"}, TestRow{"a", "5", "Infinity"});
  batch.add(Op::kTruncate, table, std::nullopt, std::nullopt);
  batch.add(Op::kUpdate, table, TestRow{"b", "1", "1"}, TestRow{"b", "5", "NaN"});
  batch.add(Op::kUpdate, table, TestRow{"c", "0", "1"}, TestRow{"c", "1", "2.5"});
  SqlTransformOptions options;
  options.statements = {
      {"public\\.inventory",
       "SELECT lsn, seq, after.sku, after.price, before.available = 0 AS was_out FROM changes "
       "WHERE before.available = 0 OR after.sku = 'b'"}};
  EXPECT_THAT(run(options, batch),
              ElementsAre("112: 108|1|a|Infinity|t", "128: 124|1|b|NaN|f", "136: 132|1|c|2.5|t"));
}

TEST_F(SqlTransformTest, AnIntervalIsWrittenAsPostgresqlDoes) {
  auto table = duckdb::test_table("job", {duckdb::test_column("took", PgType::kInterval)}, {});
  const char* texts[] = {"00:00:00",
                         "1 year 2 mons 3 days 04:05:06",
                         "-1 years -2 mons +3 days -04:05:06.789",
                         "1 mon -1 days",
                         "-1 years +3 days 00:00:01",
                         "-1 days +01:00:00",
                         "-00:00:00.000001",
                         "1000:00:00.1"};
  TestBatch batch;
  for (const char* text : texts)
    batch.insert(table, {text});
  batch.insert(table, {std::nullopt});
  SqlTransformOptions options;
  options.statements = {{"", "SELECT lsn, seq, row.took FROM changes"}};
  const auto rows = run(options, batch);
  ASSERT_EQ(rows.size(), std::size(texts) + 1);
  for (size_t i = 0; i < std::size(texts); ++i)
    EXPECT_THAT(rows[i], testing::EndsWith(std::string("|1|") + texts[i]));
  EXPECT_THAT(rows.back(), testing::EndsWith("|~"));
}

TEST_F(SqlTransformTest, KeptTablesOfAWarehouseAreJoined) {
  const std::string file = testing::TempDir() + "sql-transform-test.duckdb";
  std::filesystem::remove(file);
  auto database = duckdb::Database::open(file, {}).value();
  auto connection = database->connect().value();
  ASSERT_TRUE(connection.execute(
      "CREATE TABLE subscriptions(email VARCHAR, sku VARCHAR); INSERT INTO subscriptions "
      "VALUES ('x@y', 'a'), ('z@y', 'a'), ('x@y', 'b')"));
  auto table = inventory();
  TestBatch batch;
  batch.add(Op::kUpdate, table, TestRow{"a", "0", "1"}, TestRow{"a", "5", "1"});
  batch.add(Op::kUpdate, table, TestRow{"b", "0", "1"}, TestRow{"b", "0", "2"});
  SqlTransformOptions options;
  options.file = file;
  options.needs_identity = true;
  options.statements = {
      {"",
       "SELECT c.lsn, c.seq, s.email FROM changes c JOIN subscriptions s ON s.sku = c.after.sku "
       "WHERE c.before.available = 0 AND c.after.available > 0"}};
  EXPECT_THAT(run(options, batch),
              testing::UnorderedElementsAre("112: 108|1|x@y", "112: 108|1|z@y"));
  EXPECT_THAT(check_sql(options, std::vector{table}), IsEmpty());
  ASSERT_TRUE(connection.execute("DROP TABLE subscriptions"));
  auto problems = check_sql(options, std::vector{table});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].severity, Problem::Severity::kWarning);
}

TEST_F(SqlTransformTest, AChangeThatCannotBeComputedIsRefusedAndTheRestGoesOn) {
  auto table = inventory();
  TestBatch batch;
  for (const char* sku : {"1", "2", "x", "4"})
    batch.insert(table, {sku, "1", "1"});
  SqlTransformOptions options;
  options.statements = {{"", "SELECT CAST(row.sku AS INTEGER) AS n FROM changes"}};
  EXPECT_THAT(run(options, batch)[0], HasSubstr("cannot compute"));
  std::vector<Lsn> refused;
  options.refuse = [&](const Change& change, const Error&) -> Result<void> {
    refused.push_back(change.lsn);
    return {};
  };
  EXPECT_THAT(run(options, batch), ElementsAre("112: 1", "120: 2", "136: 4"));
  EXPECT_THAT(refused, ElementsAre(124));
}

TEST_F(SqlTransformTest, ChecksNameWhatIsMissing) {
  SqlTransformOptions options;
  options.needs_identity = true;
  options.statements = {{"", "SELECT row.sku FROM changes"},
                        {"x", "SELECT lsn, seq FROM changes LIMIT 1"}};
  auto problems = check_sql(options, {});
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_THAT(problems[0].message, HasSubstr("lsn and seq"));
  EXPECT_THAT(problems[1].message, HasSubstr("LIMIT"));
}

}  // namespace
}  // namespace millrace
