#include "event/progress.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

Offset at(Lsn commit, uint64_t ordinal = 1) {
  Offset out;
  out.position = {commit, ordinal};
  out.lsn = out.lsn_commit = commit;
  return out;
}

// Everything that commits before `lsn`.
Offset snapshot_at(Lsn lsn, SnapshotPhase phase) {
  Offset out = at(lsn - 1, kAll);
  out.lsn = out.lsn_commit = lsn;
  out.snapshot = phase;
  return out;
}

constexpr auto kRunning = SnapshotPhase::kRunning;
constexpr auto kCompleted = SnapshotPhase::kCompleted;

class ProgressTest : public testing::Test {
 protected:
  ProgressTest() { a.oid = 1, b.oid = 2, a.name = "a", b.name = "b"; }

  // A first snapshot of a and b at 100, then the stream to 150.
  void stream_both_to_150() {
    advance(progress, kSnapshotStream, snapshot_at(100, kRunning));
    advance(progress, table_stream(1), snapshot_at(100, kCompleted));
    advance(progress, table_stream(2), snapshot_at(100, kCompleted));
    advance(progress, kSnapshotStream, snapshot_at(100, kCompleted));
    advance(progress, kSlotStream, at(150));
  }

  // Which of these changes, (table, commit LSN) in order, are not had yet.
  std::vector<std::pair<std::string, Lsn>> fresh(
      const std::vector<std::pair<const TableSchema*, Lsn>>& changes) {
    auto batch = std::make_shared<Batch>(nullptr);
    for (const auto& [table, commit] : changes) {
      Change change;
      change.table = table;
      change.position = {commit, 1};
      batch->changes.push_back(change);
    }
    BatchView view{batch, batch->changes, {}, {}};
    drop_delivered(view, progress);
    std::vector<std::pair<std::string, Lsn>> out;
    for (const Change& change : view.changes)
      out.emplace_back(change.table->name, change.position.commit_lsn);
    return out;
  }

  bool covered(std::string_view stream, const Offset& offset) {
    Batch batch(nullptr);
    batch.stream = stream;
    batch.offset = offset;
    return covers(progress, batch);
  }

  using Rows = std::vector<std::pair<std::string, Lsn>>;
  TableSchema a;
  TableSchema b;
  Progress progress;
};

TEST_F(ProgressTest, AnUnfinishedSnapshotHasNoPlaceInTheStream) {
  advance(progress, kSnapshotStream, snapshot_at(100, kRunning));
  advance(progress, table_stream(1), snapshot_at(100, kCompleted));
  EXPECT_EQ(confirmable(progress), 0u);
  EXPECT_EQ(needed_from(progress), std::nullopt);
}

TEST_F(ProgressTest, ACompletedSnapshotKnowsItsTablesAndNeedsNoEntries) {
  stream_both_to_150();
  ASSERT_EQ(progress.size(), 1u);
  EXPECT_EQ(progress.begin()->second.tables.oids(), (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(confirmable(progress), 150u);
}

TEST_F(ProgressTest, AWholeSnapshotMakesVoidWhatWasKnown) {
  stream_both_to_150();
  advance(progress, kSnapshotStream, snapshot_at(300, kRunning));
  EXPECT_EQ(progress.size(), 1u);
  EXPECT_EQ(confirmable(progress), 0u);
}

TEST_F(ProgressTest, ATableWhoseSnapshotRunsIsLeftOut) {
  stream_both_to_150();
  advance(progress, table_stream(2), snapshot_at(200, kRunning));
  EXPECT_EQ(fresh({{&a, 140}, {&a, 160}, {&b, 160}, {&b, 260}}), (Rows{{"a", 160}}));
  EXPECT_EQ(confirmable(progress), 150u);
  advance(progress, kSlotStream, at(260));
  EXPECT_EQ(confirmable(progress), 200u)
      << "the table's changes since its snapshot are still needed";
}

TEST_F(ProgressTest, ATableAheadOfTheStreamGetsWhatCommitsAfterItsSnapshot) {
  stream_both_to_150();
  advance(progress, table_stream(2), snapshot_at(200, kCompleted));
  EXPECT_EQ(fresh({{&a, 160}, {&b, 160}, {&a, 200}, {&b, 200}}),
            (Rows{{"a", 160}, {"a", 200}, {"b", 200}}));
  EXPECT_EQ(confirmable(progress), 150u);
  advance(progress, kSlotStream, at(210));
  EXPECT_EQ(progress.size(), 1u);
}

TEST_F(ProgressTest, ATableBehindTheStreamCatchesUpAlone) {
  stream_both_to_150();
  advance(progress, table_stream(2), snapshot_at(200, kRunning));
  advance(progress, kSlotStream, at(260));
  advance(progress, table_stream(2), snapshot_at(200, kCompleted));
  EXPECT_EQ(needed_from(progress)->lsn_commit, 200u);
  EXPECT_EQ(fresh({{&a, 230}, {&b, 230}, {&b, 270}, {&a, 270}}),
            (Rows{{"b", 230}, {"b", 270}, {"a", 270}}));
  EXPECT_FALSE(covered(kSlotStream, at(230)));
  advance(progress, kSlotStream, at(230));
  EXPECT_TRUE(covered(kSlotStream, at(230)));
  EXPECT_EQ(confirmable(progress), 230u);
  EXPECT_EQ(progress.at("slot").position, (Position{260, 1})) << "the others do not go back";
  advance(progress, kSlotStream, at(260));
  EXPECT_EQ(progress.size(), 1u);
}

TEST_F(ProgressTest, WhoGoesBackToASnapshotInTheMiddleOfATransactionKnowsTheLastOne) {
  stream_both_to_150();
  advance(progress, table_stream(2), snapshot_at(200, kRunning));
  Offset middle = at(260, 3);
  middle.lsn_commit = 150;
  advance(progress, kSlotStream, middle);
  advance(progress, table_stream(2), snapshot_at(200, kCompleted));
  EXPECT_EQ(needed_from(progress)->lsn_commit, 150u) << "nothing ends between it and 200";
  EXPECT_EQ(needed_from(progress)->last_commit, 150u) << "it is in the events that are left";
  advance(progress, kSlotStream, at(260, 5));
  Offset behind = snapshot_at(200, kCompleted);
  behind.stands_still = true;
  advance(progress, table_stream(2), behind);
  EXPECT_EQ(needed_from(progress)->last_commit, std::nullopt) << "260 comes after 200";
}

TEST_F(ProgressTest, WhoGoesBackToATableThatIsReadByChunksKnowsTheLastTransactionBefore) {
  stream_both_to_150();
  Offset part = snapshot_at(160, kRunning);
  part.unread.until = 400;
  part.unread.ranges.emplace_back();
  advance(progress, table_stream(2), part);
  advance(progress, kSlotStream, at(300));
  EXPECT_EQ(progress.at(table_stream(2)).last_commit, 300u);
  advance(progress, kSlotStream, at(500));
  EXPECT_EQ(progress.at(table_stream(2)).last_commit, std::nullopt)
      << "there may be others between 300 and 400";
}

TEST_F(ProgressTest, ATableThatTheStreamHasPassedStandsStillUntilItIsReadFromThere) {
  stream_both_to_150();
  advance(progress, table_stream(2), snapshot_at(200, kRunning));
  advance(progress, kSlotStream, at(260));
  Offset complete = snapshot_at(200, kCompleted);
  complete.stands_still = true;
  advance(progress, table_stream(2), complete);
  EXPECT_EQ(fresh({{&a, 270}, {&b, 270}}), (Rows{{"a", 270}})) << "260 follows on 150 for a alone";
  advance(progress, kSlotStream, at(280));
  EXPECT_TRUE(covered(kSlotStream, at(280)));
  EXPECT_EQ(needed_from(progress)->lsn_commit, 200u);
  EXPECT_EQ(offset_from_json(to_json(progress.at(table_stream(2)))), progress.at(table_stream(2)));
  complete.stands_still = false;
  advance(progress, table_stream(2), complete);
  EXPECT_EQ(fresh({{&a, 270}, {&b, 230}, {&b, 270}}), (Rows{{"b", 230}, {"b", 270}}));
}

TEST_F(ProgressTest, FinishedTablesOfAnInterruptedSnapshotGoOnFromTheirOwn) {
  advance(progress, kSnapshotStream, snapshot_at(100, kRunning));
  advance(progress, table_stream(1), snapshot_at(100, kCompleted));
  advance(progress, table_stream(2), snapshot_at(100, kRunning));
  advance(progress, table_stream(2), snapshot_at(200, kRunning));  // after a new start
  advance(progress, table_stream(2), snapshot_at(200, kCompleted));
  advance(progress, kSnapshotStream, snapshot_at(200, kCompleted));
  EXPECT_EQ(fresh({{&a, 120}, {&b, 120}, {&a, 220}, {&b, 220}}),
            (Rows{{"a", 120}, {"a", 220}, {"b", 220}}));
  EXPECT_EQ(confirmable(progress), 100u);
}

TEST_F(ProgressTest, ATableCanBeKnownWithoutASnapshotAndForgotten) {
  stream_both_to_150();
  Offset known;
  known.snapshot = kCompleted;
  advance(progress, table_stream(3), known);
  EXPECT_TRUE(progress.at("slot").tables.contains(3));
  advance(progress, table_stream(3), Offset());
  advance(progress, table_stream(1), Offset());
  EXPECT_EQ(progress.at("slot").tables.oids(), std::vector<uint32_t>{2});
  EXPECT_EQ(progress.size(), 1u);
}

TEST_F(ProgressTest, TheTablesStayKnownAsTheStreamGoesOn) {
  stream_both_to_150();
  advance(progress, kSlotStream, at(400));
  EXPECT_TRUE(progress.at("slot").tables.contains(2));
}

TEST_F(ProgressTest, WritingDownAndReadingGivesTheSame) {
  stream_both_to_150();
  advance(progress, table_stream(2), snapshot_at(120, kCompleted));
  advance(progress, kSlotStream, at(130));
  for (const auto& [stream, offset] : progress)
    EXPECT_EQ(offset_from_json(to_json(offset)), offset) << stream;
  Progress again;  // the slot first, as what is known of tables stands beside it
  advance(again, kSlotStream, progress.at("slot"));
  for (const auto& [stream, offset] : progress)
    advance(again, stream, offset);
  EXPECT_EQ(again, progress);
}

TEST_F(ProgressTest, WhatStandsBehindLacksSomething) {
  const Progress nothing;
  advance(progress, kSnapshotStream, snapshot_at(100, kRunning));
  const Progress begun = progress;
  advance(progress, table_stream(1), snapshot_at(100, kCompleted));
  const Progress one_read = progress;
  advance(progress, kSnapshotStream, snapshot_at(100, kCompleted));
  advance(progress, kSlotStream, at(150));
  const Progress streaming = progress;
  advance(progress, table_stream(2), snapshot_at(200, kRunning));
  const Progress reading = progress;
  advance(progress, table_stream(2), snapshot_at(200, kCompleted));
  const Progress read = progress;
  advance(progress, kSlotStream, at(300));
  const Progress merged = progress;
  advance(progress, kReplayStream, at(1));
  const std::vector<Progress> steps = {nothing, begun, one_read, streaming,
                                       reading, read,  merged,   progress};
  for (size_t i = 0; i < steps.size(); ++i) {
    for (size_t j = 0; j < steps.size(); ++j) {
      // Neither that a table's snapshot begins nor a replay is a place that could be lost.
      const bool same_place = (i == 3 && j == 4) || (i == 6 && j == 7);
      EXPECT_EQ(lacks(steps[i], steps[j]), i < j && !same_place) << i << " and " << j;
    }
  }
}

TEST_F(ProgressTest, ThatATableIsGoneIsNewUntilItIsForgotten) {
  stream_both_to_150();
  EXPECT_FALSE(covered(table_stream(2), Offset()));
  advance(progress, table_stream(2), Offset());
  EXPECT_TRUE(covered(table_stream(2), Offset()));
  EXPECT_FALSE(covered(table_stream(1), Offset()));
}

// A table that is read by key chunks in the snapshot at `until`; `read`: up to which bound.
Offset chunk_at(Lsn until, uint64_t row, std::optional<KeyRange> read = {}) {
  Offset out = snapshot_at(until, kRunning);
  out.position = {until, row};
  out.unread.until = until;
  out.unread.read = std::move(read);
  return out;
}

KeyBound bound(uint64_t number) {
  return {number, {"k" + std::to_string(number)}};
}

class ChunksTest : public ProgressTest {
 protected:
  ChunksTest() {
    advance(progress, kSnapshotStream, snapshot_at(100, kRunning));
    start.stream = table_stream(1);
    start.snapshot_start = true;
    start.offset = chunk_at(100, 0);
    start.offset.position = {99, kAll};
    start.offset.unread.shape = "s";
    start.offset.unread.ranges = {KeyRange()};
  }

  Offset& table() { return progress.at(table_stream(1)); }

  // Chunks up to bound 2 are read, and so is the one between 3 and 4; then a new start with the
  // rest in a snapshot at 200.
  void interrupt_and_go_on() {
    advance(progress, start);
    advance(progress, table_stream(1), chunk_at(100, 10, KeyRange{{}, bound(1)}));
    advance(progress, table_stream(1), chunk_at(100, 20, KeyRange{bound(3), bound(4)}));
    advance(progress, table_stream(1), chunk_at(100, 30, KeyRange{bound(1), bound(2)}));
    Offset slot = snapshot_at(100, kCompleted);
    advance(progress, kSnapshotStream, slot);
    Offset mark = table();
    mark.position = {99, kAll};
    mark.unread.until = 200;
    advance(progress, table_stream(1), mark);
  }

  bool joined(const Offset& offset) {
    Batch batch(nullptr);
    batch.stream = table_stream(1);
    batch.offset = offset;
    batch.changes.resize(1);
    return joins(progress, batch);
  }

  Batch start{nullptr};
};

TEST_F(ChunksTest, WhatIsReadIsTakenOutOfWhatIsLeft) {
  advance(progress, start);
  EXPECT_EQ(table().unread.ranges, std::vector<KeyRange>{KeyRange()});
  interrupt_and_go_on();
  EXPECT_EQ(table().unread.ranges,
            (std::vector<KeyRange>{{bound(2), bound(3)}, {bound(4), {KeyBound::kAboveAll, {}}}}));
  EXPECT_EQ(table().unread.shape, "s");
}

TEST_F(ChunksTest, AChunkThatIsReadTwiceOrNotAskedForDoesNoHarm) {
  interrupt_and_go_on();
  const auto before = table().unread.ranges;
  advance(progress, table_stream(1), chunk_at(200, 1, KeyRange{bound(1), bound(2)}));
  EXPECT_EQ(table().unread.ranges, before);
}

TEST_F(ChunksTest, WhatIsReadFollowsTheStreamUpToTheNewSnapshot) {
  interrupt_and_go_on();
  EXPECT_EQ(fresh({{&a, 120}, {&b, 120}, {&a, 199}, {&a, 200}, {&b, 200}}),
            (Rows{{"a", 120}, {"b", 120}, {"a", 199}, {"b", 200}}));
  advance(progress, kSlotStream, at(150));
  EXPECT_EQ(table().position, (Position{150, 1}));
  EXPECT_EQ(confirmable(progress), 150u) << "what it has followed is not needed again";
  EXPECT_EQ(fresh({{&a, 120}, {&a, 160}}), (Rows{{"a", 160}}));
  EXPECT_TRUE(covered(kSlotStream, at(150)));
  advance(progress, kSlotStream, at(300));
  EXPECT_EQ(table().position, (Position{199, kAll}));
  EXPECT_EQ(confirmable(progress), 200u);
  EXPECT_TRUE(covered(kSlotStream, at(300)));
  EXPECT_TRUE(fresh({{&a, 160}, {&a, 250}}).empty());
  EXPECT_EQ(needed_from(progress)->position, (Position{199, kAll}));
}

TEST_F(ChunksTest, TheRestJoinsOnlyWhatHasFollowedTheStream) {
  EXPECT_TRUE(joins(progress, start));
  EXPECT_FALSE(joined(chunk_at(100, 1))) << "its start was not had";
  interrupt_and_go_on();
  EXPECT_FALSE(joined(chunk_at(200, 1)));
  advance(progress, kSlotStream, at(150));
  EXPECT_FALSE(joined(chunk_at(200, 1)));
  advance(progress, kSlotStream, at(300));
  EXPECT_TRUE(joined(chunk_at(200, 1)));
  EXPECT_FALSE(joined(chunk_at(100, 40))) << "of the snapshot before";
  EXPECT_TRUE(joined(snapshot_at(200, kCompleted))) << "of a table that is read in one go";
}

TEST_F(ChunksTest, CompleteItGoesOnFromTheNewSnapshot) {
  interrupt_and_go_on();
  advance(progress, kSlotStream, at(300));
  advance(progress, table_stream(1), chunk_at(200, 5, KeyRange{bound(2), bound(3)}));
  Offset end = snapshot_at(200, kCompleted);
  end.unread.until = 200;
  EXPECT_TRUE(joined(end));
  advance(progress, table_stream(1), end);
  EXPECT_EQ(table().unread, UnreadKeys());
  EXPECT_EQ(fresh({{&a, 190}, {&a, 200}, {&a, 260}}), (Rows{{"a", 200}, {"a", 260}}));
}

TEST_F(ChunksTest, TheEndOfATableIsNotHadBeforeItIsStored) {
  advance(progress, start);
  advance(progress, table_stream(1), chunk_at(100, 10, KeyRange()));
  EXPECT_FALSE(covered(table_stream(1), snapshot_at(100, kCompleted)));
  EXPECT_TRUE(covered(table_stream(1), chunk_at(100, 10)));
  EXPECT_FALSE(covered(table_stream(1), chunk_at(100, 11)));
  EXPECT_FALSE(covered(table_stream(1), chunk_at(200, 1)));
}

TEST_F(ChunksTest, WritingDownAndReadingGivesTheSame) {
  interrupt_and_go_on();
  table().unread.ranges[0].after.key = {"it's \"\n\\", "", "é"};
  EXPECT_EQ(offset_from_json(to_json(table())), table());
  const Offset part = chunk_at(200, 1, KeyRange{bound(2), bound(3)});
  EXPECT_EQ(offset_from_json(to_json(part)), part);
  Progress again;
  for (const auto& [stream, offset] : progress)
    advance(again, stream, offset);
  EXPECT_EQ(again, progress);
}

}  // namespace
}  // namespace millrace
