// A branch whose sink keeps the progress with its data, fails, and is back with what it has stored.
#include <gtest/gtest.h>

#include <thread>

#include "pipeline/branch.h"
#include "tests/support/scripted_sink.h"

namespace millrace {
namespace {

Offset slot_at(Lsn commit) {
  Offset offset;
  offset.position = {commit, ~uint64_t{0}};
  offset.lsn_commit = commit;
  return offset;
}

class BranchRecovery : public ::testing::Test {
 protected:
  // The sink stands at `stored` in the slot's stream, and makes nothing durable until fail().
  explicit BranchRecovery(Lsn stored = 20) {
    script_.hold = true;
    Offset offset = slot_at(stored);
    offset.tables = TableSet(std::vector<uint32_t>{});
    script_.progress = Progress{{std::string(kSlotStream), offset}};
    BranchParts parts;
    parts.sink = std::make_unique<ScriptedSink>(script_);
    branch_ = std::make_unique<Branch>(
        BranchOptions{.name = "sink", .retry_min = Millis(1), .retry_max = Millis(5)},
        std::move(parts));
    branch_->start();
    branch_->begin_after(*script_.progress);
  }

  void offer(std::string_view stream, const Offset& offset, Op op, Lsn commit = 0) {
    auto batch = std::make_shared<Batch>(nullptr);
    batch->seq = ++seq_;
    batch->stream = stream;
    batch->offset = offset;
    batch->schemas = {table_};
    Change& change = batch->changes.emplace_back();
    change.op = op;
    change.position = {commit, 1};
    if (op != Op::kHeartbeat) change.table = table_.get();
    branch_->offer(batch, false);
  }

  void offer_table(SnapshotPhase phase, Lsn position) {
    Offset offset = slot_at(position);
    offset.lsn = position;
    offset.snapshot = phase;
    offer(table_stream(table_->oid), offset, Op::kRead);
  }

  void offer_slot(Lsn commit, Op op) { offer(kSlotStream, slot_at(commit), op, commit); }

  // Once the sink has all: what has become durable since it failed.
  std::vector<Lsn> seen_after_failure() {
    while (script_.written < seq_)
      std::this_thread::sleep_for(Millis(1));
    script_.fail_polls = 1;
    while (script_.fail_polls > 0)
      std::this_thread::sleep_for(Millis(1));
    script_.hold = false;
    EXPECT_TRUE(branch_->drain(steady_now() + Millis(10000)));
    return script_.seen();
  }

  SinkScript script_;
  std::shared_ptr<TableSchema> table_ = [] {
    auto table = std::make_shared<TableSchema>();
    table->oid = 1;
    return table;
  }();
  std::unique_ptr<Branch> branch_;
  uint64_t seq_ = 0;
};

TEST_F(BranchRecovery, AHeartbeatDoesNotSayThatTheRowsBeforeItAreStored) {
  offer_table(SnapshotPhase::kRunning, 0);
  offer_slot(20, Op::kHeartbeat);
  EXPECT_EQ(seen_after_failure(), (std::vector<Lsn>{0, 20}));
}

TEST_F(BranchRecovery, AHeartbeatFromFurtherBackDoesNotSayThatTheChangeBeforeItIsStored) {
  offer_slot(30, Op::kCreate);
  offer_slot(20, Op::kHeartbeat);
  EXPECT_EQ(seen_after_failure(), (std::vector<Lsn>{30, 20}));
}

TEST_F(BranchRecovery, AChangeThatComesAgainForANewTableDoesNotSayThatTheTableIsStored) {
  offer_table(SnapshotPhase::kRunning, 0);
  offer_table(SnapshotPhase::kCompleted, 5);
  offer_slot(8, Op::kCreate);
  EXPECT_EQ(seen_after_failure(), (std::vector<Lsn>{0, 0, 8}));
}

TEST_F(BranchRecovery, WhatWasStoredInTheMomentOfTheFailureIsNotWrittenAgain) {
  offer_table(SnapshotPhase::kRunning, 0);
  offer_table(SnapshotPhase::kCompleted, 5);
  offer_slot(8, Op::kCreate);
  offer_slot(20, Op::kCreate);
  script_.fail_after_write = true;
  EXPECT_EQ(seen_after_failure(), (std::vector<Lsn>{0, 0, 8, 20}));
}

}  // namespace
}  // namespace millrace
