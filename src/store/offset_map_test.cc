#include "store/offset_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/json_text.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

Offset streaming() {
  Offset offset;
  offset.position = {0x16E9058, 3};
  offset.lsn = 24023128;
  offset.lsn_proc = 24023128;
  offset.lsn_commit = 24023120;
  offset.xid = 555;
  offset.commit_us = 1720000000123456;
  offset.message_type = "INSERT";
  offset.system_id = 7351235467891234567;
  offset.timeline = 1;
  return offset;
}

Offset snapshot(SnapshotPhase phase) {
  Offset offset;
  offset.lsn = 24023120;
  offset.xid = 554;
  offset.commit_us = 1720000000000000;
  offset.snapshot = phase;
  offset.last_snapshot_record = phase == SnapshotPhase::kCompleted;
  offset.lsn_commit = offset.lsn;  // where it began, and a restart must find the slot
  if (phase == SnapshotPhase::kCompleted) offset.position = {offset.lsn, kAll};
  return offset;
}

TEST(OffsetKey, IsTheBytesOfConnectsConverter) {
  EXPECT_EQ(offset_key("inventory-connector", "dbz"),
            R"(["inventory-connector",{"server":"dbz"}])");
  EXPECT_EQ(offset_key("a\"b", "ü"), R"(["a\"b",{"server":"ü"}])");
}

TEST(OffsetMap, StreamingOffsetHasDebeziumsMembers) {
  const Progress progress{{std::string(kSlotStream), streaming()}};
  EXPECT_EQ(
      to_offset_map(progress, ""),
      R"({"lsn_proc":24023128,"messageType":"INSERT","lsn_commit":24023120,"lsn":24023128,"txId":555,)"
      R"("ts_usec":1720000000123456,"millrace_position":"0/16E9058:3",)"
      R"("millrace_server":"7351235467891234567/1"})");
}

TEST(OffsetMap, WhatHasNoValueIsLeftOut) {
  Offset message =
      streaming();  // a message outside a transaction, the first event after the slot was made
  message.xid = 0;
  message.lsn_commit = 0;
  message.position = {};
  message.system_id = 0;
  EXPECT_EQ(
      to_offset_map({{std::string(kSlotStream), message}}, ""),
      R"({"lsn_proc":24023128,"messageType":"INSERT","lsn":24023128,"ts_usec":1720000000123456})");
}

TEST(OffsetMap, TheLastCommitIsKeptWhereItIsNotLsnCommit) {
  for (const Lsn last : {Lsn{0}, Lsn{0x16E9000}}) {
    Offset offset;
    offset.lsn = offset.lsn_commit = 0x16E9058;
    offset.last_commit = last;
    const Progress progress{{std::string(kSlotStream), offset}};
    EXPECT_EQ(from_offset_map(to_offset_map(progress, "")).value(), progress);
    EXPECT_EQ(offset_from_json(to_json(offset)), offset);
  }
}

TEST(OffsetMap, RunningSnapshotHasDebeziumsMembers) {
  const Progress progress{{std::string(kSnapshotStream), snapshot(SnapshotPhase::kRunning)}};
  EXPECT_EQ(
      to_offset_map(progress, ""),
      R"({"last_snapshot_record":false,"lsn":24023120,"snapshot":"INITIAL","snapshot_completed":false,)"
      R"("txId":554,"ts_usec":1720000000000000})");
}

TEST(OffsetMap, CompletedSnapshotHasDebeziumsMembers) {
  const Offset done = snapshot(SnapshotPhase::kCompleted);
  const Progress progress{{std::string(kSlotStream), done}};
  EXPECT_EQ(
      to_offset_map(progress, ""),
      R"({"last_snapshot_record":true,"lsn":24023120,"snapshot":"INITIAL","snapshot_completed":true,)"
      R"("txId":554,"ts_usec":1720000000000000,"millrace_position":"0/16E9050:end"})");
}

TEST(OffsetMap, RoundTripKeepsEveryStream) {
  const Progress cases[] = {
      {{std::string(kSlotStream), streaming()}},
      {{std::string(kSnapshotStream), snapshot(SnapshotPhase::kRunning)}},
      {{std::string(kSlotStream), snapshot(SnapshotPhase::kCompleted)}},
      {{std::string(kSlotStream), streaming()},
       {table_stream(16384), snapshot(SnapshotPhase::kRunning)}},
      {{std::string(kSnapshotStream), snapshot(SnapshotPhase::kRunning)},
       {table_stream(16384), snapshot(SnapshotPhase::kCompleted)}},
  };
  for (const Progress& progress : cases) {
    const auto back = from_offset_map(to_offset_map(progress, ""));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, progress) << to_offset_map(progress, "");
  }
}

TEST(OffsetMap, ASnapshotThatRunsBesideTheStreamIsAText) {
  const Progress progress{{std::string(kSlotStream), streaming()},
                          {std::string(kSnapshotStream), snapshot(SnapshotPhase::kRunning)}};
  EXPECT_THAT(to_offset_map(progress, ""),
              HasSubstr(R"("millrace_stream_snapshot":"{\"commit_lsn\":0)"));
}

TEST(OffsetMap, ThousandsOfTablesThatStandAtOnePlaceAreShort) {
  Progress progress{{std::string(kSnapshotStream), snapshot(SnapshotPhase::kRunning)}};
  for (uint32_t oid = 10000; oid < 15000; ++oid)
    progress.emplace(table_stream(oid), snapshot(SnapshotPhase::kCompleted));
  progress.at(table_stream(12000)).lsn += 1;
  const std::string map = to_offset_map(progress, "");
  EXPECT_LT(map.size(), 300'000);
  EXPECT_EQ(from_offset_map(map).value(), progress);
}

TEST(OffsetMap, TheSameAsAStreamThatIsNotThereIsMalformed) {
  const auto progress = from_offset_map(R"({"lsn":7,"millrace_stream_table:1":"=table:2"})");
  ASSERT_FALSE(progress);
  EXPECT_THAT(progress.error().text(), HasSubstr("millrace_stream_table:1"));
}

// Taken for a stream, it would be written as another one: what is in a snapshot is no slot's.
TEST(OffsetMap, AMemberForAStreamThatTheMapItselfTellsIsMalformed) {
  std::string other;
  append_json_string(other, to_json(snapshot(SnapshotPhase::kRunning)));
  const std::string running = R"({"lsn":7,"snapshot":"INITIAL",)";
  for (const std::string& text : {R"({"lsn":7,"millrace_stream_slot":)" + other + "}",
                                  running + R"("millrace_stream_slot":)" + other + "}",
                                  running + R"("millrace_stream_snapshot":)" + other + "}"}) {
    const auto progress = from_offset_map(text);
    ASSERT_FALSE(progress) << text;
    EXPECT_THAT(progress.error().text(), HasSubstr("member millrace_stream_s"));
  }
}

TEST(OffsetMap, DebeziumsOffsetHasNoPosition) {
  const auto progress = from_offset_map(
      R"({"transaction_id":null,"lsn_proc":24023128,"messageType":"UPDATE","lsn_commit":24023120,)"
      R"("lsn":24023128,"txId":555,"ts_usec":1720000000123456})");
  ASSERT_TRUE(progress) << progress.error().text();
  const Offset& offset = progress->at(std::string(kSlotStream));
  EXPECT_EQ(offset.position, Position{});
  EXPECT_EQ(offset.system_id, 0U);
  EXPECT_EQ(offset.lsn_proc, 24023128U);
  EXPECT_EQ(offset.lsn_commit, 24023120U);
  EXPECT_EQ(offset.xid, 555U);
  EXPECT_EQ(offset.message_type, "UPDATE");
  EXPECT_EQ(offset.snapshot, SnapshotPhase::kNone);
}

TEST(OffsetMap, OldDebeziumsSnapshotIsABoolean) {
  const auto running = from_offset_map(
      R"({"lsn":7,"txId":1,"ts_usec":2,"snapshot":true,"last_snapshot_record":false})");
  ASSERT_TRUE(running);
  EXPECT_EQ(running->at(std::string(kSnapshotStream)).snapshot, SnapshotPhase::kRunning);
  const auto done = from_offset_map(
      R"({"lsn":7,"txId":1,"ts_usec":2,"snapshot":true,"last_snapshot_record":true})");
  ASSERT_TRUE(done);
  const Offset& offset = done->at(std::string(kSlotStream));
  EXPECT_EQ(offset.snapshot, SnapshotPhase::kCompleted);
  EXPECT_EQ(offset.lsn_commit, 7U);
}

TEST(OffsetMap, AnIncrementalSnapshotIsPartOfTheStream) {
  const auto progress = from_offset_map(
      R"({"lsn_proc":9,"lsn_commit":8,"lsn":9,"txId":1,"last_snapshot_record":false,"messageType":"INSERT",)"
      R"("ts_usec":2,"snapshot":"INCREMENTAL","snapshot_completed":false})");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->at(std::string(kSlotStream)).snapshot, SnapshotPhase::kNone);
}

TEST(OffsetMap, UnknownMembersAreKept) {
  const std::string previous =
      R"({"lsn":1,"lsn_proc":1,"xmin":77,"incremental_snapshot_collections":"[{\"a\":1}]","odd":null,"snapshot":true})";
  const std::string text = to_offset_map({{std::string(kSlotStream), streaming()}}, previous);
  EXPECT_THAT(text, HasSubstr(R"("xmin":77)"));
  EXPECT_THAT(text, HasSubstr(R"("incremental_snapshot_collections":"[{\"a\":1}]")"));
  EXPECT_THAT(text, HasSubstr(R"("odd":null)"));
  EXPECT_THAT(text, Not(HasSubstr("snapshot\":true")));
  EXPECT_TRUE(from_offset_map(text));
}

TEST(OffsetMap, CountersOfATransactionGoWithIt) {
  const std::string previous =
      R"({"lsn":24023128,"transaction_id":"555:24023128","transaction_data_collection_order_public.t":3})";
  const Progress same{{std::string(kSlotStream), streaming()}};
  EXPECT_THAT(to_offset_map(same, previous),
              HasSubstr(R"("transaction_data_collection_order_public.t":3)"));
  Offset later = streaming();
  later.lsn += 100;
  EXPECT_THAT(to_offset_map({{std::string(kSlotStream), later}}, previous),
              Not(HasSubstr("transaction_")));
}

// Sinks keep an Offset as one line of JSON, whatever Debezium's map had in it.
TEST(OffsetMap, AnOffsetAsALineIsReadBackWhateverItHolds) {
  const auto progress =
      from_offset_map(R"({"lsn":1,"messageType":"a\"b\\","ts_usec":-5,"lsn_proc":1})");
  ASSERT_TRUE(progress);
  const Offset offset = progress->at(std::string(kSlotStream));
  EXPECT_EQ(offset.message_type, R"(a"b\)");
  EXPECT_EQ(offset.commit_us, -5);
  EXPECT_EQ(offset_from_json(to_json(offset)), offset);
}

TEST(OffsetMap, WhatIsNoOffsetIsAnError) {
  for (const char* text :
       {"", "[]", "{", "{}", R"({"lsn":"x"})", R"({"lsn":1,"millrace_stream_x":"{}"})"}) {
    const auto progress = from_offset_map(text);
    ASSERT_FALSE(progress) << text;
    EXPECT_EQ(progress.error().kind, ErrorKind::kProtocol);
  }
}

}  // namespace
}  // namespace millrace
