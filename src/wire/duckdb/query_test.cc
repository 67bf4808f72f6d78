#include "wire/duckdb/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "wire/duckdb/test_rows.h"

namespace millrace::duckdb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class QueryTest : public testing::Test {
 protected:
  QueryTest() {
    find_test_library();
    database_ = Database::open("", {}).value();
    auto connection = database_->connect().value();
    EXPECT_TRUE(
        connection.execute("CREATE TABLE t(a INTEGER, u UUID, l INTEGER[]); INSERT INTO t VALUES "
                           "(1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', [1, 2]), (2, NULL, NULL)"));
  }

  // Names, then rows, or the error.
  std::vector<std::string> ask(const std::string& sql, size_t rows_max = 100) {
    std::vector<std::string> out;
    RowReader reader;
    reader.columns = [&](const std::vector<std::string>& names) {
      std::string line;
      for (const std::string& name : names)
        line += (line.empty() ? "" : "|") + name;
      out.push_back(line);
    };
    reader.row = [&](TextRow row) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) {
        line += i > 0 ? "|" : "";
        line += row[i].value_or("~");
      }
      out.push_back(line);
      return out.size() <= rows_max;
    };
    auto done = query_rows(*database_, sql, reader);
    if (!done) return {done.error().text()};
    return out;
  }

  std::shared_ptr<Database> database_;
};

TEST_F(QueryTest, EveryTypeIsShownAsText) {
  EXPECT_THAT(ask("SELECT * FROM t ORDER BY a -- the end"),
              ElementsAre("a|u|l", "1|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|[1, 2]", "2|~|~"));
  EXPECT_THAT(ask("FROM t SELECT a, a;"), ElementsAre("a|a", "1|1", "2|2"));
  EXPECT_THAT(ask("SHOW TABLES"), ElementsAre("name", "t"));
  EXPECT_THAT(ask("PRAGMA table_info('t')"), testing::SizeIs(4));
  EXPECT_THAT(ask("DESCRIBE t"), testing::SizeIs(4));
}

TEST_F(QueryTest, RowsAreStreamedUntilTheReaderHasEnough) {
  EXPECT_THAT(ask("SELECT i FROM range(100000000000) t(i)", 2), ElementsAre("i", "0", "1"));
}

TEST_F(QueryTest, AStopEndsAStatementThatTakesLong) {
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(Millis(200));
    stop.request_stop();
  });
  const auto begun = steady_now();
  const auto done = query_rows(*database_, "SELECT sum(i) FROM range(100000000000) t(i)",
                               {.columns = [](const auto&) {}, .row = [](TextRow) { return true; }},
                               stop.get_token());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kStopped);
  EXPECT_LT(steady_now() - begun, Millis(10000));
  EXPECT_THAT(ask("SELECT 1 AS x"), ElementsAre("x", "1"));
}

TEST_F(QueryTest, WhatWritesIsRefused) {
  for (const char* sql : {"DELETE FROM t", "CREATE TABLE x(a INTEGER)", "DROP TABLE t",
                          "INSERT INTO t VALUES (3, NULL, NULL)", "SET threads = 2",
                          "ATTACH ':memory:' AS x", "COMMIT"}) {
    EXPECT_THAT(ask(sql), ElementsAre(HasSubstr("only statements that read"))) << sql;
  }
  EXPECT_THAT(ask("COPY t TO '/tmp/x.csv'"), ElementsAre(HasSubstr("disabled")));
  EXPECT_THAT(ask("SELECT * FROM read_text('/etc/hostname')"), ElementsAre(HasSubstr("disabled")));
  EXPECT_THAT(ask("EXPLAIN ANALYZE DELETE FROM t"), ElementsAre(HasSubstr("read-only")));
  EXPECT_THAT(ask("SELECT 1; DELETE FROM t"), ElementsAre(HasSubstr("one SQL statement")));
  EXPECT_THAT(ask("SELECT 1) AS q(c0); DELETE FROM t; SELECT (1"),
              ElementsAre(HasSubstr("syntax")));
  EXPECT_THAT(ask("SELECT b FROM t"), ElementsAre(HasSubstr("\"b\" not found")));
  EXPECT_THAT(ask("SELECT count(*) FROM t"), ElementsAre("count_star()", "2"));
}

}  // namespace
}  // namespace millrace::duckdb
