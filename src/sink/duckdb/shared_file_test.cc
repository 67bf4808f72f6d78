// Two branches write the same file at the same time, each on its own thread; a reader looks on.
#include <gmock/gmock.h>

#include <thread>

#include "sink/duckdb/sink_fixture.h"

namespace millrace::duckdb {
namespace {

using testing::ElementsAre;

class SharedFileTest : public DuckDbSinkFixture {
 protected:
  // Hands `batches` batches of one insert and one update each to a sink of its own.
  static std::string drive(const DuckDbSinkConfig& config, const BranchConfig& branch,
                           const SchemaPtr& table, int batches) {
    SinkContext context;
    context.pipeline = "p";
    context.branch = branch.name;
    auto sink = make_duckdb_sink(config, branch, context);
    if (auto opened = sink->open(); !opened) return opened.error().text();
    for (int i = 1; i <= batches; ++i) {
      TestBatch batch(static_cast<uint64_t>(i), static_cast<Lsn>(i) * 1000);
      const std::string id = std::to_string(i);
      batch.insert(table, {id, "0"});
      batch.add(Op::kUpdate, table, std::nullopt, TestRow{id, id});
      if (auto done = sink->write(batch.view()); !done) return done.error().text();
      auto report = sink->poll(steady_now() + Millis(1000));
      if (!report) return report.error().text();
    }
    auto report = sink->drain(steady_now() + Millis(10000));
    if (!report) return report.error().text();
    return report->durable_seq == static_cast<uint64_t>(batches) ? "" : "not all is durable";
  }
};

TEST_F(SharedFileTest, BranchesDoNotDisturbEachOther) {
  auto table =
      test_table("t", {test_column("id", PgType::kInt4), test_column("n", PgType::kInt4)}, {0});
  constexpr int kBatches = 40;
  config_.flush_ms = 0;
  DuckDbSinkConfig history = config_;
  history.mode = DuckDbMode::kHistory;
  BranchConfig first;
  first.name = "mirror";
  BranchConfig second;
  second.name = "history";
  std::string mirror_error;
  std::string history_error;
  {
    const std::jthread one([&] { mirror_error = drive(config_, first, table, kBatches); });
    const std::jthread two([&] { history_error = drive(history, second, table, kBatches); });
    for (int i = 0; i < 10; ++i)
      rows("SELECT count(*) FROM duckdb_tables()");
  }
  EXPECT_EQ(mirror_error, "");
  EXPECT_EQ(history_error, "");
  EXPECT_THAT(rows("SELECT count(*), count(DISTINCT id), sum(n) FROM t"), ElementsAre("40|40|820"));
  EXPECT_THAT(rows("SELECT count(*), sum(n) FROM t_history"), ElementsAre("80|820"));
  EXPECT_THAT(rows("SELECT branch, stream FROM _millrace.progress ORDER BY branch"),
              ElementsAre("history|slot", "mirror|slot"));
}

TEST_F(SharedFileTest, BatchesThatComeWhileOneIsWrittenGoTogether) {
  auto table =
      test_table("t", {test_column("id", PgType::kInt4), test_column("n", PgType::kInt4)}, {0});
  config_.flush_ms = 60000;
  open();
  for (uint64_t seq = 1; seq <= 3; ++seq) {
    TestBatch batch(seq, seq * 1000);
    batch.insert(table, {std::to_string(seq), "0"});
    ASSERT_TRUE(sink_->write(batch.view()));
    // The first is written at once; the others wait for the next transaction.
    EXPECT_EQ(sink_->poll(steady_now())->durable_seq, 1u);
  }
  EXPECT_EQ(sink_->drain(steady_now() + Millis(10000))->durable_seq, 3u);
}

}  // namespace
}  // namespace millrace::duckdb
