#include "wire/duckdb/row_statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/duckdb/test_rows.h"

namespace millrace::duckdb {
namespace {

using testing::HasSubstr;

class RowStatementTest : public testing::Test {
 protected:
  RowStatementTest() {
    find_test_library();
    database_ = Database::open("", {}).value();
    connection_.emplace(database_->connect().value());
  }

  std::string refused(const std::string& sql) {
    auto done = check_row_statement(*connection_, sql);
    return done ? "accepted" : done.error().message;
  }

  SchemaPtr inventory() {
    return test_table("inventory",
                      {test_column("sku", PgType::kBpchar, 19),
                       test_column("price", PgType::kFloat8), test_column("note", PgType::kText)},
                      {0});
  }

  // The rows of a statement over a batch, "a|b" each, NULL as ~; without the order column.
  std::vector<std::string> run(const std::string& sql, const SchemaPtr& table,
                               const TestBatch& batch) {
    auto statement = RowStatement::make(*connection_, sql, table);
    if (!statement) return {statement.error().text()};
    const auto view = batch.view();
    std::vector<const Change*> changes;
    for (const Change& change : view.changes)
      changes.push_back(&change);
    statement->changes().set(changes, &refused_);
    auto result = connection_->query(statement->select(RowStatement::Shape::kText));
    if (!result) return {result.error().text()};
    std::vector<std::string> out;
    for (uint64_t row = 0; row < result->row_count(); ++row) {
      std::string line;
      for (uint64_t column = 0; column < statement->columns().size(); ++column) {
        if (column > 0) line += '|';
        line += result->text(row, column).value_or("~");
      }
      out.push_back(line);
    }
    return out;
  }

  std::shared_ptr<Database> database_;
  std::optional<Connection> connection_;
  std::vector<Refusal> refused_;
};

TEST_F(RowStatementTest, TheShopsHistoryComesInOrder) {
  auto table = inventory();
  TestBatch batch;
  batch.insert(table, {"a", "1.5", "x"});
  batch.add(Op::kDelete, table, TestRow{"a", kAbsentValue, kAbsentValue}, std::nullopt,
            TupleKind::kKey);
  EXPECT_THAT(run("SELECT row.sku, row.price, ts AS timestamp, op = 'd' AS deleted FROM changes",
                  table, batch),
              testing::ElementsAre("a|1.5|2023-11-14 22:13:20.000108|f",
                                   "a|~|2023-11-14 22:13:20.000116|t"));
}

TEST_F(RowStatementTest, AnUnchangedValueIsNamedAndTakenFromTheOldRowWhereThatIsKnown) {
  auto table = inventory();
  TestBatch batch;
  batch.add(Op::kUpdate, table, std::nullopt, TestRow{"a", "1", kUnchangedValue});
  batch.add(Op::kUpdate, table, TestRow{"a", "1", "old"}, TestRow{"a", "2", kUnchangedValue});
  EXPECT_THAT(run("SELECT after.note, unavailable, before IS NULL FROM changes", table, batch),
              testing::ElementsAre("~|[note]|t", "old|[]|f"));
}

TEST_F(RowStatementTest, ChangesJoinKeptTablesAndKeepTheirOrder) {
  auto table = inventory();
  ASSERT_TRUE(
      connection_->execute("CREATE TABLE subscriptions AS SELECT 's' || i AS sku, i AS email "
                           "FROM range(5000) t(i)"));
  TestBatch batch;
  for (int i = 40; i > 0; --i)
    batch.insert(table, {"s" + std::to_string(i), "1", "x"});
  const auto rows =
      run("SELECT c.lsn, c.seq, s.email FROM changes c JOIN subscriptions s ON s.sku = c.after.sku",
          table, batch);
  ASSERT_EQ(rows.size(), 40u);
  EXPECT_EQ(rows.front(), "108|1|40");
  EXPECT_EQ(rows.back(), "420|1|1");
}

TEST_F(RowStatementTest, OnlyWhatReadsFromMoreThanTheChangesIsSorted) {
  ASSERT_TRUE(
      connection_->execute("CREATE TABLE k(x BIGINT, y BIGINT); SET threads = 4; "
                           "CREATE MACRO of_k(v) AS (SELECT y FROM k WHERE k.x = v)"));
  const auto table = inventory();
  const auto is_sorted = [&](const std::string& sql) {
    auto statement = RowStatement::make(*connection_, sql, table);
    return statement.value().select(RowStatement::Shape::kPlain).contains("ORDER BY");
  };
  EXPECT_TRUE(is_sorted("SELECT op FROM changes c JOIN k ON k.x = c.lsn"));
  EXPECT_TRUE(is_sorted("SELECT op FROM changes c, k"));
  EXPECT_TRUE(is_sorted("SELECT op FROM changes WHERE lsn IN (SELECT x FROM k)"));
  EXPECT_TRUE(is_sorted("SELECT of_k(lsn) FROM changes"));
  EXPECT_TRUE(is_sorted("SELECT op FROM changes WHERE seq IN (1, 2, 3, 4, 5, 6, 7, 8, 9)"));
  const std::string plain = R"(SELECT lsn, '"class":"SUBQUERY"' AS x FROM changes WHERE op <> 'x')";
  EXPECT_FALSE(is_sorted(plain));
  TestBatch batch;
  for (int i = 0; i < 10000; ++i)
    batch.insert(table, {"s", "1", "x"});
  const auto rows = run(plain, table, batch);
  ASSERT_EQ(rows.size(), 10000u);
  for (size_t i = 0; i < rows.size(); ++i)
    ASSERT_TRUE(rows[i].starts_with(std::to_string(108 + i * 8) + "|")) << rows[i];
  EXPECT_EQ(run("SELECT 7 FROM changes", table, batch), std::vector<std::string>(10000, "7"));
}

TEST_F(RowStatementTest, AStarBringsTheRelationsColumnsButNotOurs) {
  auto table = inventory();
  auto statement = RowStatement::make(*connection_, "FROM changes", table);
  ASSERT_TRUE(statement) << statement.error().text();
  EXPECT_THAT(statement->columns(),
              testing::ElementsAre("op", "ts", "lsn", "seq", "schema_name", "table_name", "before",
                                   "after", "row", "unavailable"));
}

TEST_F(RowStatementTest, AValueThatCannotBeStoredLeavesOnlyItsRowOut) {
  auto table = test_table(
      "t", {test_column("at", PgType::kTimestamp), test_column("n", PgType::kInt4)}, {1});
  TestBatch batch;
  batch.insert(table, {"2020-01-01 00:00:00", "1"});
  batch.insert(table, {"294276-12-31 00:00:00", std::nullopt});
  batch.insert(table, {std::nullopt, "3"});
  batch.insert(table, {"2020-01-01 00:00:00", "4"});
  EXPECT_THAT(run("SELECT row.at, row.n, before IS NULL FROM changes", table, batch),
              testing::ElementsAre("2020-01-01 00:00:00|1|t", "~|3|t", "2020-01-01 00:00:00|4|t"));
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0].error.message,
            "public.t at 0/74: the value of column at is out of the range of TIMESTAMP");
}

TEST_F(RowStatementTest, AValueThatIsNotAskedForNeedNotBeStorable) {
  auto table = test_table("t", {test_column("at", PgType::kTimestamp)}, {});
  TestBatch batch;
  batch.add(Op::kUpdate, table, TestRow{"294276-12-31 00:00:00"}, TestRow{"2020-01-01 00:00:00"});
  EXPECT_THAT(run("SELECT op, row.at FROM changes", table, batch),
              testing::ElementsAre("u|2020-01-01 00:00:00"));
  EXPECT_THAT(refused_, testing::IsEmpty());
  EXPECT_THAT(run("SELECT table_name, 7 FROM changes", table, batch), testing::ElementsAre("t|7"));
  EXPECT_THAT(run("SELECT row.at, before IS NULL FROM changes", table, batch), testing::IsEmpty());
  EXPECT_EQ(refused_.size(), 1u);
}

TEST_F(RowStatementTest, RefusesWhatIsNotRowWiseAndNamesIt) {
  EXPECT_THAT(refused("SELECT count(*) FROM changes"), HasSubstr("aggregate"));
  EXPECT_THAT(refused("SELECT COUNT(*) FROM changes"), HasSubstr("aggregate"));
  EXPECT_THAT(refused("SELECT 1 + Max(lsn) FROM changes"), HasSubstr("aggregate (max)"));
  EXPECT_THAT(refused("SELECT row_number() OVER () FROM changes"), HasSubstr("window"));
  EXPECT_THAT(refused("SELECT op FROM changes GROUP BY op"), HasSubstr("GROUP BY"));
  EXPECT_THAT(refused("SELECT op FROM changes GROUP BY ALL"), HasSubstr("GROUP BY"));
  EXPECT_THAT(refused("SELECT DISTINCT op FROM changes"), HasSubstr("DISTINCT"));
  EXPECT_THAT(refused("SELECT op FROM changes LIMIT 1"), HasSubstr("LIMIT"));
  EXPECT_THAT(refused("SELECT op FROM changes ORDER BY op"), HasSubstr("ORDER BY"));
  EXPECT_THAT(refused("SELECT op FROM changes UNION ALL SELECT 'x'"), HasSubstr("UNION"));
  EXPECT_THAT(refused("SELECT op FROM changes USING SAMPLE 10%"), HasSubstr("sample"));
  EXPECT_THAT(refused("SELECT * FROM (SELECT op FROM changes)"), HasSubstr("does not read from"));
  EXPECT_THAT(refused("SELECT a.op FROM changes a, changes b"), HasSubstr("twice"));
  EXPECT_THAT(refused("SELECT op FROM changes WHERE lsn IN (SELECT lsn FROM changes)"),
              HasSubstr("subquery"));
  EXPECT_THAT(refused("SELECT k.x FROM k LEFT JOIN changes c ON c.lsn = k.x"), HasSubstr("outer"));
  EXPECT_THAT(refused("SELECT op FROM changes; SELECT 1"), HasSubstr("one SELECT"));
  EXPECT_THAT(refused("DELETE FROM changes"), HasSubstr("Only SELECT"));
  EXPECT_THAT(refused("SELEC op FROM changes"), HasSubstr("syntax error"));
  EXPECT_THAT(refused(""), HasSubstr("one SELECT"));
}

TEST_F(RowStatementTest, AcceptsJoinsSubqueriesAndQuotes) {
  EXPECT_EQ(refused("SELECT 'changes \"table_name\":\"changes\"', c.op FROM changes AS c"),
            "accepted");
  EXPECT_EQ(refused("SELECT op FROM Changes LEFT JOIN k ON k.x = Changes.lsn"), "accepted");
  EXPECT_EQ(refused("SELECT op FROM changes WHERE lsn > (SELECT max(x) FROM k)"), "accepted");
  EXPECT_EQ(refused("WITH top AS (SELECT max(x) AS m FROM k) SELECT op FROM changes, top;"),
            "accepted");
}

TEST_F(RowStatementTest, TellsWhetherAnIdentityIsAmongTheOutput) {
  auto has = [&](const std::string& sql) {
    return gives_columns(*connection_, sql, {"lsn", "seq"}).value();
  };
  EXPECT_TRUE(has("SELECT c.lsn, seq, op FROM changes c"));
  EXPECT_TRUE(has("SELECT * FROM changes"));
  EXPECT_TRUE(has("SELECT 1 AS seq, 2 AS LSN FROM changes"));
  EXPECT_FALSE(has("SELECT lsn, op FROM changes"));
  EXPECT_FALSE(has("SELECT lsn, seq AS number FROM changes"));
}

TEST_F(RowStatementTest, AnUnknownColumnIsAConfigErrorInDuckDbsWords) {
  auto statement = RowStatement::make(*connection_, "SELECT row.skuu FROM changes", inventory());
  ASSERT_FALSE(statement);
  EXPECT_EQ(statement.error().kind, ErrorKind::kConfig);
  EXPECT_THAT(statement.error().message, HasSubstr("skuu"));
  auto twice =
      RowStatement::make(*connection_, "SELECT row.sku, after.sku FROM changes", inventory());
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, HasSubstr("two output columns"));
}

}  // namespace
}  // namespace millrace::duckdb
