#include "source/postgres/change_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/postgres/message_bytes_for_test.h"

namespace millrace {
namespace {

using testing::ElementsAre;

constexpr uint32_t kTable = 7;
constexpr uint32_t kHidden = 8;

class OneColumnLookup final : public TableLookup {
 public:
  bool captures_table(std::string_view, std::string_view table) const override {
    return table != "hidden";
  }

  bool captures_column(std::string_view, std::string_view, std::string_view) const override {
    return true;
  }

  Result<std::optional<TableSchema>> table(uint32_t) override { return std::nullopt; }

  Result<ColumnType> type(uint32_t, int32_t) override { return answer; }

  ColumnType answer;
};

Offset at_position(Position position, Lsn lsn_commit) {
  Offset out;
  out.position = position;
  out.lsn_commit = lsn_commit;
  return out;
}

class ChangeDecoderTest : public testing::Test {
 protected:
  void start(const Offset& from, DecoderOptions options = {}) {
    decoder.emplace(lookup, std::move(options), from);
    decoder->start_batch();
    feed(0, bytes::relation(kTable, "public", "t", {{"id", 23, true}}));
    feed(0, bytes::relation(kHidden, "public", "hidden", {{"id", 23, true}}));
  }

  void feed(Lsn lsn, const std::string& payload) {
    const auto decoded = try_feed(lsn, payload);
    EXPECT_TRUE(decoded) << decoded.error().text();
  }

  Result<void> try_feed(Lsn lsn, const std::string& payload) {
    StreamMessage message;
    message.lsn = lsn;
    message.sent_us = 55;
    message.payload = payload;
    return decoder->decode(message, batch);
  }

  void row(Lsn lsn, uint32_t table, std::string_view id) {
    feed(lsn, bytes::insert(table, bytes::tuple({"t" + std::string(id)})));
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const Change& change : batch.changes) {
      out.emplace_back(change.row() ? std::string(change.row()[0].view())
                                    : std::string(1, static_cast<char>(change.op)));
    }
    return out;
  }

  OneColumnLookup lookup;
  std::optional<ChangeDecoder> decoder;
  Batch batch{nullptr};
};

TEST_F(ChangeDecoderTest, ARelationThatCannotBeReadInBinaryIsSaid) {
  lookup.answer.type = PgType::kInt4;
  lookup.answer.name = "int4";
  start(at_position({99, UINT64_MAX}, 100), {.captures_message = {}, .binary_version = 150000});
  EXPECT_FALSE(decoder->unreadable());
  lookup.answer.type = PgType::kMoney;
  lookup.answer.name = "money";
  feed(0, bytes::relation(kHidden, "public", "hidden", {{"id", 790, true}}));
  EXPECT_FALSE(decoder->unreadable()) << "nobody captures it";
  feed(0, bytes::relation(kTable, "public", "t", {{"id", 790, true}}));
  ASSERT_TRUE(decoder->unreadable());
  EXPECT_EQ(decoder->unreadable()->table, "public.t");
  EXPECT_EQ(decoder->unreadable()->column, "id");
  EXPECT_EQ(decoder->unreadable()->type, "money");
}

TEST_F(ChangeDecoderTest, AMalformedValueInBinaryNamesTableAndColumn) {
  lookup.answer.type = PgType::kInt4;
  start(at_position({99, UINT64_MAX}, 100), {.captures_message = {}, .binary_version = 150000});
  feed(110, bytes::begin(200, 5));
  const auto decoded = try_feed(110, bytes::insert(kTable, bytes::tuple({"b\x01"})));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().kind, ErrorKind::kProtocol);
  for (const char* part : {"public.t", "column id", "0/6E"})
    EXPECT_NE(decoded.error().text().find(part), std::string::npos) << decoded.error().text();
}

TEST_F(ChangeDecoderTest, TheOrdinalCountsRowsThatNobodyCaptures) {
  start(at_position({99, UINT64_MAX}, 100));
  feed(110, bytes::begin(200, 5));
  row(110, kTable, "1");
  row(120, kHidden, "2");
  feed(130, bytes::truncate({kHidden, kTable}));
  feed(140, bytes::message(true, 140, "p", "c"));
  row(150, kTable, "3");
  ASSERT_EQ(batch.changes.size(), 4u);
  EXPECT_EQ(batch.changes[0].position, (Position{200, 1}));
  EXPECT_EQ(batch.changes[1].position, (Position{200, 4}));
  EXPECT_EQ(batch.changes[2].position, (Position{200, 5}));
  EXPECT_EQ(batch.changes[3].position, (Position{200, 6}));
  EXPECT_EQ(decoder->offset().position, (Position{200, 6}));
}

// Batches of two connections have the same numbers.
TEST_F(ChangeDecoderTest, EveryConnectionBringsTheSchemasThatItsChangesAreOf) {
  for (int connection = 0; connection < 2; ++connection) {
    batch.changes.clear();
    batch.schemas.clear();
    start(at_position({99, UINT64_MAX}, 100));
    feed(110, bytes::begin(200, 5));
    row(110, kTable, "1");
    ASSERT_EQ(batch.schemas.size(), 1U) << "connection " << connection;
    EXPECT_EQ(batch.schemas[0].get(), batch.changes[0].table);
  }
}

TEST_F(ChangeDecoderTest, ACommitEndsThePositionAndGivesTheNextOnesPredecessor) {
  start(at_position({99, UINT64_MAX}, 100));
  feed(110, bytes::begin(200, 5, 77));
  row(110, kTable, "1");
  EXPECT_EQ(batch.changes[0].last_commit_lsn, 100u);
  EXPECT_EQ(decoder->offset().lsn_commit, 100u);
  feed(240, bytes::commit(200, 240, 77));
  const Offset done = decoder->offset();
  EXPECT_EQ(done.position, (Position{200, UINT64_MAX}));
  EXPECT_EQ(done.lsn, 240u);
  EXPECT_EQ(done.lsn_proc, 240u);
  EXPECT_EQ(done.lsn_commit, 240u);
  EXPECT_EQ(done.message_type, "COMMIT");
  EXPECT_EQ(done.xid, 5u);
  EXPECT_EQ(done.commit_us, 77);
  feed(240, bytes::begin(300, 6));
  row(240, kTable, "2");
  EXPECT_EQ(batch.changes[1].last_commit_lsn, 240u);
  EXPECT_EQ(decoder->offset().message_type, "INSERT");
}

TEST_F(ChangeDecoderTest, DirectlyAfterASnapshotThereIsNoCommitBefore) {
  Offset from = at_position({99, UINT64_MAX}, 100);
  from.snapshot = SnapshotPhase::kCompleted;
  start(from);
  feed(110, bytes::begin(200, 5));
  row(110, kTable, "1");
  EXPECT_EQ(batch.changes[0].last_commit_lsn, 0u);
  EXPECT_EQ(decoder->offset().lsn_commit, 100u);
  EXPECT_EQ(decoder->offset().snapshot, SnapshotPhase::kNone);
}

TEST_F(ChangeDecoderTest, TheStreamSaysNothingOfWhichTablesABranchHas) {
  Offset from = at_position({99, UINT64_MAX}, 100);
  from.tables = TableSet({1, 2});
  start(from);
  EXPECT_FALSE(decoder->offset().tables.is_known());
}

TEST_F(ChangeDecoderTest, BeginAndCommitAreChangesWhenAsked) {
  start(at_position({99, UINT64_MAX}, 100), {.transaction_markers = true, .captures_message = {}});
  feed(110, bytes::begin(200, 5));
  feed(240, bytes::commit(200, 240));
  ASSERT_THAT(ids(), ElementsAre("B", "E"));
  EXPECT_EQ(batch.changes[0].position, (Position{200, 0}));
  EXPECT_EQ(batch.changes[1].position, (Position{200, UINT64_MAX}));
  EXPECT_EQ(batch.changes[1].end_lsn, 240u);
  EXPECT_EQ(batch.changes[1].last_commit_lsn, 100u);
}

TEST_F(ChangeDecoderTest, AMessageOutsideTransactionsIsACommitOfItsOwn) {
  start(at_position({99, UINT64_MAX}, 100));
  feed(150, bytes::message(false, 150, "p", "content"));
  ASSERT_EQ(batch.changes.size(), 1u);
  const Change message = batch.changes[0];
  EXPECT_EQ(message.position, (Position{149, 1}));
  EXPECT_EQ(message.xid, 0u);
  EXPECT_EQ(message.commit_us, 55);
  EXPECT_EQ(message.last_commit_lsn, 150u);
  EXPECT_EQ(message.content, "content");
  EXPECT_EQ(decoder->offset().lsn_commit, 150u);
  // The commit record of a transaction can start where the message's record ends.
  feed(150, bytes::begin(150, 6));
  row(120, kTable, "1");
  EXPECT_GT(batch.changes[1].position, message.position);
}

TEST_F(ChangeDecoderTest, MessagesAreFilteredByPrefixButCounted) {
  start(at_position({99, UINT64_MAX}, 100),
        {.transaction_markers = false,
         .captures_message = [](std::string_view prefix) { return prefix == "wanted"; }});
  feed(110, bytes::begin(200, 5));
  feed(110, bytes::message(true, 110, "other", "c"));
  feed(120, bytes::message(true, 120, "wanted", "c"));
  ASSERT_EQ(batch.changes.size(), 1u);
  EXPECT_EQ(batch.changes[0].position.ordinal, 2u);
}

TEST_F(ChangeDecoderTest, TheServersPositionCountsOnlyBetweenTransactions) {
  start(at_position({99, UINT64_MAX}, 100));
  feed(110, bytes::begin(200, 5));
  EXPECT_FALSE(decoder->advance(500));
  feed(240, bytes::commit(200, 240));
  EXPECT_TRUE(decoder->advance(500));
  EXPECT_EQ(decoder->offset().position, (Position{499, UINT64_MAX}));
  EXPECT_EQ(decoder->offset().lsn_commit, 500u);
  EXPECT_EQ(decoder->offset().lsn_proc, 500u);
  EXPECT_FALSE(decoder->advance(400));
  EXPECT_EQ(decoder->last_commit(), 240u);
  // Nor does a restart there make another event of the next one.
  start(*offset_from_json(to_json(decoder->offset())));
  feed(510, bytes::begin(600, 6));
  row(510, kTable, "1");
  EXPECT_EQ(batch.changes.back().last_commit_lsn, 240u);
}

TEST_F(ChangeDecoderTest, ACommitRecordThatStartsAtTheServersPositionIsStillToCome) {
  start(at_position({99, UINT64_MAX}, 100));
  decoder->advance(500);
  const Position idle = decoder->offset().position;
  feed(480, bytes::begin(500, 5));
  EXPECT_GT(decoder->offset().position, idle);
}

TEST_F(ChangeDecoderTest, TheSchemaStaysWithEachBatch) {
  start(at_position({99, UINT64_MAX}, 100));
  feed(110, bytes::begin(200, 5));
  row(110, kTable, "1");
  row(120, kTable, "2");
  EXPECT_EQ(batch.schemas.size(), 1u);
  Batch next(nullptr);
  decoder->start_batch();
  StreamMessage message;
  message.lsn = 130;
  const std::string payload = bytes::insert(kTable, bytes::tuple({"t3"}));
  message.payload = payload;
  ASSERT_TRUE(decoder->decode(message, next));
  EXPECT_EQ(next.schemas.size(), 1u);
  EXPECT_EQ(next.changes[0].position, (Position{200, 3}));
}

TEST_F(ChangeDecoderTest, WhatTheProtocolDoesNotAllowIsAnError) {
  start(at_position({99, UINT64_MAX}, 100));
  EXPECT_FALSE(try_feed(110, bytes::insert(kTable, bytes::tuple({"t1"}))));
  EXPECT_FALSE(try_feed(110, bytes::commit(1, 2)));
  feed(110, bytes::begin(200, 5));
  EXPECT_FALSE(try_feed(110, bytes::begin(200, 5)));
  EXPECT_FALSE(try_feed(110, bytes::insert(12345, bytes::tuple({"t1"}))));
}

// Offsets that Debezium wrote: no position.
class DebeziumOffsetTest : public ChangeDecoderTest {
 protected:
  static Offset offset(Lsn lsn, Lsn lsn_commit, uint32_t xid, std::string type) {
    Offset out;
    out.lsn = out.lsn_proc = lsn;
    out.lsn_commit = lsn_commit;
    out.xid = xid;
    out.message_type = std::move(type);
    return out;
  }

  // xid 4: 50 (commit 90 to 100), xid 5: 110, 120, 130 (commit 200 to 240), xid 6: 115 (commit 300
  // to 340)
  void feed_all() {
    feed(50, bytes::begin(90, 4));
    row(50, kTable, "4a");
    feed(100, bytes::commit(90, 100));
    feed(110, bytes::begin(200, 5));
    row(110, kTable, "5a");
    row(120, kTable, "5b");
    row(130, kTable, "5c");
    feed(240, bytes::commit(200, 240));
    feed(115, bytes::begin(300, 6));
    row(115, kTable, "6a");
    feed(340, bytes::commit(300, 340));
  }
};

TEST_F(DebeziumOffsetTest, GoesOnAfterTheStoredEvent) {
  start(offset(120, 100, 5, "INSERT"));
  feed_all();
  EXPECT_THAT(ids(), ElementsAre("5c", "6a"));
  EXPECT_EQ(batch.changes[0].position, (Position{200, 3}));
  EXPECT_EQ(batch.changes[0].last_commit_lsn, 100u);
}

TEST_F(DebeziumOffsetTest, EventsOfAnotherTransactionBelowTheStoredLsnCome) {
  start(offset(130, 100, 5, "INSERT"));
  feed_all();
  EXPECT_THAT(ids(), ElementsAre("6a"));
}

TEST_F(DebeziumOffsetTest, SeveralEventsAtTheStoredLsnComeAgain) {
  start(offset(120, 100, 5, "INSERT"));
  feed(110, bytes::begin(200, 5));
  row(110, kTable, "a");
  row(120, kTable, "b");
  EXPECT_TRUE(decoder->undecided());
  row(120, kTable, "c");
  row(130, kTable, "d");
  EXPECT_FALSE(decoder->undecided());
  EXPECT_THAT(ids(), ElementsAre("b", "c", "d"));
}

// A message ends where the next row begins.
TEST_F(DebeziumOffsetTest, ATablesDescriptionBetweenTwoOfThemDecidesNothing) {
  start(offset(120, 100, 5, "MESSAGE"));
  feed(110, bytes::begin(200, 5));
  feed(120, bytes::message(true, 120, "wanted", "c"));
  feed(0, bytes::relation(kTable, "public", "t", {{"id", 23, true}}));
  EXPECT_TRUE(decoder->undecided());
  row(120, kTable, "b");
  feed(240, bytes::commit(200, 240));
  EXPECT_EQ(batch.changes.size(), 2u);
}

TEST_F(DebeziumOffsetTest, ALoneEventAtTheStoredLsnIsDecidedByTheCommit) {
  start(offset(120, 100, 5, "INSERT"));
  feed(110, bytes::begin(200, 5));
  row(120, kTable, "b");
  EXPECT_TRUE(decoder->undecided());
  feed(240, bytes::commit(200, 240));
  EXPECT_FALSE(decoder->undecided());
  EXPECT_THAT(ids(), ElementsAre());
}

TEST_F(DebeziumOffsetTest, ACommitAtTheStoredLsnDecidesToo) {
  start(offset(120, 100, 5, "INSERT"));
  feed(110, bytes::begin(200, 5));
  row(120, kTable, "b");
  feed(120, bytes::commit(200, 240));
  EXPECT_FALSE(decoder->undecided());
  feed(250, bytes::begin(300, 6));
  row(250, kTable, "c");
  EXPECT_THAT(ids(), ElementsAre("c"));
}

TEST_F(DebeziumOffsetTest, AnOffsetOfABeginNamesTheEventThatComesNext) {
  start(offset(110, 100, 5, "BEGIN"));
  feed_all();
  EXPECT_THAT(ids(), ElementsAre("5a", "5b", "5c", "6a"));
}

TEST_F(DebeziumOffsetTest, AnOffsetOfACommitIsComplete) {
  start(offset(240, 240, 5, "COMMIT"));
  feed_all();
  EXPECT_THAT(ids(), ElementsAre("6a"));
}

TEST_F(DebeziumOffsetTest, AnUnknownTransactionIsReplayedWhole) {
  start(offset(120, 100, 77, "INSERT"));
  feed_all();
  EXPECT_THAT(ids(), ElementsAre("5a", "5b", "5c", "6a"));
}

TEST_F(DebeziumOffsetTest, AfterACompletedSnapshotEverythingComes) {
  Offset from = offset(0, 0, 3, "");
  from.lsn = 50;
  from.lsn_proc = 0;
  from.snapshot = SnapshotPhase::kCompleted;
  start(from);
  feed_all();
  EXPECT_THAT(ids(), ElementsAre("4a", "5a", "5b", "5c", "6a"));
}

TEST_F(DebeziumOffsetTest, TheServersPositionWaitsUntilTheTransactionHasPassed) {
  start(offset(120, 100, 5, "INSERT"));
  EXPECT_FALSE(decoder->advance(115));
  EXPECT_FALSE(decoder->advance(150));
  feed(110, bytes::begin(200, 5));
  feed(240, bytes::commit(200, 240));
  EXPECT_TRUE(decoder->advance(500));
}

}  // namespace
}  // namespace millrace
