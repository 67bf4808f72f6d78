#include "source/postgres/start_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/postgres/table_plan.h"

namespace millrace {
namespace {

using testing::HasSubstr;

constexpr uint64_t kSystem = 4711;

Offset ours(Lsn lsn_commit) {
  Offset out;
  out.position = {lsn_commit - 8, UINT64_MAX};
  out.lsn = out.lsn_proc = out.lsn_commit = lsn_commit;
  out.system_id = kSystem;
  out.timeline = 1;
  return out;
}

Offset snapshot(Lsn lsn, SnapshotPhase phase) {
  Offset out = ours(lsn);
  out.position = {lsn, 3};
  out.snapshot = phase;
  return out;
}

BranchProgress branch(std::string name, Progress progress) {
  return {std::move(name), progress, {}, false};
}

BranchProgress fresh(std::string name) {
  return {std::move(name), std::nullopt, {}, false};
}

class StartPlanTest : public testing::Test {
 protected:
  StartPlanTest() {
    config.slot_name = "s";
    config.dbname = "db";
    SlotState state;
    state.name = "s";
    state.plugin = "pgoutput";
    state.database = "db";
    state.confirmed_flush = 1000;
    state.restart_lsn = 900;
    slot = state;
  }

  Result<StartPlan> plan(std::vector<BranchProgress> of) {
    branches = std::move(of);
    StartFacts facts;
    facts.slot = slot;
    facts.server = {kSystem, timeline, 5000};
    facts.timeline_history = history;
    facts.branches = branches;
    facts.tables = tables;
    facts.has_snapshotted = has_snapshotted;
    facts.has_streamed = has_streamed;
    return plan_start(config, facts);
  }

  void expect_gap(const Result<StartPlan>& planned, const std::string& what) {
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().kind, ErrorKind::kGap);
    EXPECT_THAT(planned.error().message, HasSubstr(what));
    EXPECT_FALSE(planned.error().cure.empty());
  }

  PostgresConfig config;
  std::optional<SlotState> slot;
  uint32_t timeline = 1;
  std::string history;
  bool has_snapshotted = false;
  bool has_streamed = false;
  std::vector<CapturedTable> tables = {{1, "public.a", true, true}, {2, "public.b", true, true}};
  std::vector<BranchProgress> branches;
};

std::vector<std::pair<uint32_t, uint64_t>> reads(const StartPlan& plan) {
  std::vector<std::pair<uint32_t, uint64_t>> out;
  for (const TableRead& read : plan.reads)
    out.emplace_back(read.oid, read.audience());
  return out;
}

using Reads = std::vector<std::pair<uint32_t, uint64_t>>;

// Streams a and b at `lsn_commit`.
Progress knows_both(Lsn lsn_commit) {
  Offset offset = ours(lsn_commit);
  offset.tables = TableSet({1, 2});
  return {{"slot", offset}};
}

Offset of_table(Lsn lsn, SnapshotPhase phase) {
  Offset out = ours(lsn);
  out.position = {lsn - 1, UINT64_MAX};
  out.snapshot = phase;
  return out;
}

TEST_F(StartPlanTest, TheFirstStartMakesTheSlotAndSnapshotsAll) {
  slot.reset();
  const auto planned = plan({fresh("a"), fresh("b")});
  ASSERT_TRUE(planned);
  EXPECT_TRUE(planned->make_slot);
  EXPECT_EQ(planned->whole, 0b11u);
  EXPECT_EQ(planned->from, std::nullopt);
}

TEST_F(StartPlanTest, AStartThatDiedInTheSnapshotKeepsTheSlotAndSnapshotsAgain) {
  const auto planned = plan({branch("a", {{"snapshot", snapshot(1000, SnapshotPhase::kRunning)}})});
  ASSERT_TRUE(planned);
  EXPECT_FALSE(planned->make_slot);
  EXPECT_EQ(planned->whole, 1u);
}

TEST_F(StartPlanTest, ProgressGoesOnWithoutASnapshot) {
  const auto planned = plan({branch("a", {{"slot", ours(1500)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->whole, 0u);
  EXPECT_FALSE(planned->make_slot);
  EXPECT_EQ(start_lsn(*planned->from), 1500u);
}

TEST_F(StartPlanTest, TheLowestBranchDecidesWhereTheStreamStarts) {
  const auto planned =
      plan({branch("a", {{"slot", ours(1500)}}), branch("b", {{"slot", ours(1200)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(start_lsn(*planned->from), 1200u);
}

TEST_F(StartPlanTest, ABranchAddedLaterIsSnapshottedAlone) {
  const auto planned = plan({branch("a", {{"slot", ours(1500)}}), fresh("b")});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->whole, 0b10u);
  EXPECT_EQ(start_lsn(*planned->from), 1500u);
}

TEST_F(StartPlanTest, AnInterruptedSnapshotGoesOnWithWhatIsNotComplete) {
  const auto planned = plan({branch("a", {{"snapshot", of_table(1000, SnapshotPhase::kRunning)},
                                          {"table:1", of_table(1000, SnapshotPhase::kCompleted)},
                                          {"table:2", of_table(1000, SnapshotPhase::kRunning)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->whole, 1u);
  EXPECT_EQ(planned->restarts, 0u);
  EXPECT_EQ(reads(*planned), (Reads{{2, 1}}));
  EXPECT_EQ(planned->reads[0].shares[0].since, 1000u) << "a log may hold rows that are gone now";
  EXPECT_FALSE(planned->is_first_snapshot());
}

TEST_F(StartPlanTest, WhatIsStoredMayBeOlderThanWhatWasDelivered) {
  const auto planned = plan({branch("a", {{"snapshot", of_table(1000, SnapshotPhase::kRunning)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->restarts, 0u);
  EXPECT_EQ(reads(*planned), (Reads{{1, 1}, {2, 1}}));
  EXPECT_EQ(planned->reads[1].shares[0].since, 1000u) << "it may have streamed already";
}

TEST_F(StartPlanTest, RowsThatAreReplacedGoOnFromTheNewSnapshot) {
  BranchProgress mirror = branch("a", {{"snapshot", of_table(1000, SnapshotPhase::kRunning)},
                                       {"table:2", of_table(1000, SnapshotPhase::kRunning)}});
  mirror.holds_rows = true;
  const auto planned = plan({mirror});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->reads[1].shares[0].since, 0u);
}

// Read by key chunks in the snapshot at `lsn`; all up to the bound 3 is read.
Offset chunks_of_table(Lsn lsn) {
  Offset out = of_table(lsn, SnapshotPhase::kRunning);
  out.unread = {lsn, "shape", {{{3, {"k"}}, {KeyBound::kAboveAll, {}}}}, std::nullopt};
  return out;
}

TEST_F(StartPlanTest, ABranchWithKeyChunksGetsItsPlaceInTheStream) {
  tables.push_back({3, "public.c", true, true});
  const auto planned = plan({branch("a", {{"snapshot", of_table(1000, SnapshotPhase::kRunning)},
                                          {"table:1", of_table(1000, SnapshotPhase::kCompleted)},
                                          {"table:2", chunks_of_table(1000)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->whole, 0u);
  EXPECT_EQ(planned->streaming, 1u);
  EXPECT_EQ(start_lsn(*planned->from), 1000u);
  ASSERT_EQ(reads(*planned), (Reads{{2, 1}, {3, 1}}));
  EXPECT_TRUE(planned->snapshot_waits());
  ASSERT_EQ(planned->reads[0].rests.size(), 1u);
  EXPECT_EQ(planned->reads[0].rests[0].own, chunks_of_table(1000));
  EXPECT_EQ(planned->reads[0].shares[0].since, 0u) << "it has all before the new snapshot";
  EXPECT_TRUE(planned->reads[1].rests.empty());
  EXPECT_EQ(planned->reads[1].shares[0].since, 1000u) << "rows of it may have been delivered";
  EXPECT_EQ(planned->marks[0].stream, kSnapshotStream);
  EXPECT_EQ(planned->marks[0].offset.snapshot, SnapshotPhase::kCompleted);
}

TEST_F(StartPlanTest, ATableThatCameLaterGoesOnWithItsChunks) {
  Progress progress = knows_both(1500);
  progress["table:2"] = chunks_of_table(1200);
  const auto planned = plan({branch("a", progress), branch("b", knows_both(1500))});
  ASSERT_TRUE(planned);
  EXPECT_EQ(reads(*planned), (Reads{{2, 1}}));
  EXPECT_EQ(planned->reads[0].rests.size(), 1u);
  EXPECT_EQ(start_lsn(*planned->from), 1200u);
}

TEST_F(StartPlanTest, WhatStartsOverIsReadAsIfItHadNoChunks) {
  Progress progress = knows_both(1500);
  progress["table:2"] = chunks_of_table(1200);
  BranchProgress mirror = branch("b", progress);
  mirror.holds_rows = true;
  auto planned = plan({branch("a", progress), mirror});
  ASSERT_TRUE(planned);
  TableRead& read = planned->reads[0];
  read.start_over();
  EXPECT_FALSE(planned->snapshot_waits());
  EXPECT_EQ(read.audience(), 0b11u);
  ASSERT_EQ(read.shares.size(), 2u);
  for (const TableRead::Share& share : read.shares)
    EXPECT_EQ(share.since, share.audience == 1 ? 1200u : 0u);
}

// It holds rows of the first attempt, at 1000, and chunks of the second, at 1200.
TEST_F(StartPlanTest, ALogGetsWhatWasChangedSinceTheFirstAttemptAtATableOfWhichItHasChunks) {
  Progress progress = knows_both(1100);
  progress["table:2"] = chunks_of_table(1200);
  progress["table:2"].lsn_commit = 1000;
  BranchProgress mirror = branch("b", progress);
  mirror.holds_rows = true;
  const auto planned = plan({branch("a", progress), mirror});
  ASSERT_TRUE(planned);
  EXPECT_EQ(start_lsn(*planned->from), 1000u);
  std::vector<Mark> marks;
  add_marks(planned->reads[0], planned->streaming, of_table(1600, SnapshotPhase::kCompleted),
            marks);
  ASSERT_EQ(marks.size(), 2u);
  EXPECT_EQ(marks[0].offset.position, (Position{999, UINT64_MAX}));
  EXPECT_EQ(marks[1].offset.position, (Position{1199, UINT64_MAX})) << "a mirror is made anew";
}

TEST_F(StartPlanTest, WithoutAStreamChunksStartOver) {
  config.snapshot_mode = SnapshotMode::kInitialOnly;
  const auto planned = plan({branch("a", {{"snapshot", of_table(1000, SnapshotPhase::kRunning)},
                                          {"table:2", chunks_of_table(1000)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->restarts, 1u);
  EXPECT_FALSE(planned->snapshot_waits());
}

TEST_F(StartPlanTest, AnInterruptedSnapshotStartsOverWhereTheSlotHasMoved) {
  const auto planned = plan({branch("a", {{"snapshot", of_table(900, SnapshotPhase::kRunning)},
                                          {"table:1", of_table(900, SnapshotPhase::kCompleted)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->restarts, 1u);
  EXPECT_EQ(reads(*planned), (Reads{{1, 1}, {2, 1}}));
}

TEST_F(StartPlanTest, ATableThatIsNewIsSnapshottedAlone) {
  tables.push_back({3, "public.c", false, true});
  const auto planned = plan({branch("a", knows_both(1500)), branch("b", knows_both(1600))});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->whole, 0u);
  EXPECT_EQ(planned->streaming, 0b11u);
  EXPECT_EQ(reads(*planned), (Reads{{3, 0b11}}));
  EXPECT_EQ(start_lsn(*planned->from), 1500u);
}

TEST_F(StartPlanTest, ATableIsNewToTheBranchThatTakesItNowAlone) {
  BranchProgress more = branch("a", knows_both(1500));
  more.progress->at("slot").tables = TableSet({1});
  BranchProgress narrow = branch("b", knows_both(1500));
  narrow.progress->at("slot").tables = TableSet({1});
  narrow.takes = [](std::string_view table) { return table == "public.a"; };
  const auto planned = plan({more, narrow});
  ASSERT_TRUE(planned);
  EXPECT_EQ(reads(*planned), (Reads{{2, 0b01}}));
  EXPECT_TRUE(planned->marks.empty());
}

TEST_F(StartPlanTest, ATableThatIsNoLongerTakenIsForgotten) {
  tables.pop_back();
  const auto planned = plan({branch("a", knows_both(1500))});
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->marks.size(), 1u);
  EXPECT_EQ(planned->marks[0].stream, "table:2");
  EXPECT_EQ(planned->marks[0].offset.snapshot, SnapshotPhase::kNone);
  EXPECT_FALSE(planned->needs_snapshot());
}

TEST_F(StartPlanTest, ATableMadeWhileAllArePublishedHasBeenStreamed) {
  tables.push_back({3, "public.c", true, true});
  has_streamed = true;
  const auto planned = plan({branch("a", knows_both(1500))});
  ASSERT_TRUE(planned);
  EXPECT_FALSE(planned->needs_snapshot());
  ASSERT_EQ(planned->marks.size(), 1u);
  EXPECT_EQ(planned->marks[0].offset.snapshot, SnapshotPhase::kCompleted);
}

TEST_F(StartPlanTest, DebeziumsProgressIsOfThePublishedTables) {
  tables.push_back({3, "public.c", false, true});
  const auto planned = plan({branch("a", {{"slot", ours(1500)}})});
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->marks.size(), 1u);
  EXPECT_EQ(planned->marks[0].offset.tables.oids(), (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(planned->marks[0].offset.lsn_commit, 1500u);
  EXPECT_EQ(reads(*planned), (Reads{{3, 1}}));
}

TEST_F(StartPlanTest, ATableThatCatchesUpDecidesWhereTheStreamStarts) {
  Progress progress = knows_both(1500);
  progress.emplace("table:2", of_table(1200, SnapshotPhase::kCompleted));
  const auto planned = plan({branch("a", progress)});
  ASSERT_TRUE(planned);
  EXPECT_EQ(start_lsn(*planned->from), 1200u);
}

TEST_F(StartPlanTest, AMissingSlotIsAGap) {
  slot.reset();
  expect_gap(plan({branch("a", {{"slot", ours(1500)}})}), "does not exist");
}

TEST_F(StartPlanTest, ALostSlotIsAGap) {
  slot->wal_status = "lost";
  expect_gap(plan({branch("a", {{"slot", ours(1500)}})}), "lost");
}

TEST_F(StartPlanTest, ASlotBeyondTheProgressIsAGap) {
  expect_gap(plan({branch("a", {{"slot", ours(999)}})}), "beyond the progress");
  EXPECT_TRUE(plan({branch("a", {{"slot", ours(1000)}})}));
}

TEST_F(StartPlanTest, AnotherServerIsAGap) {
  Offset other = ours(1500);
  other.system_id = 1;
  expect_gap(plan({branch("a", {{"slot", other}})}), "another server");
}

TEST_F(StartPlanTest, ATimelineThatContainsTheProgressIsFine) {
  timeline = 2;
  history = "1\t0/600\tno recovery target specified\n";
  EXPECT_TRUE(plan({branch("a", {{"slot", ours(0x600)}})}));
  expect_gap(plan({branch("a", {{"slot", ours(0x608)}})}), "timeline 2");
}

TEST_F(StartPlanTest, PartOfATransactionThatTheNewTimelineLacksIsAGap) {
  timeline = 2;
  history = "1\t0/600\tno recovery target specified\n";
  Offset within = ours(0x500);
  within.position = {0x5f8, 3};  // three rows of the next transaction
  EXPECT_TRUE(plan({branch("a", {{"slot", within}})}));
  within.position = {0x600, 3};
  expect_gap(plan({branch("a", {{"slot", within}})}), "timeline 2");
}

TEST_F(StartPlanTest, ATimelineThatIsNoAncestorIsAGap) {
  timeline = 3;
  history = "2\t0/600\tx\n";
  expect_gap(plan({branch("a", {{"slot", ours(1500)}})}), "timeline 3");
}

TEST_F(StartPlanTest, WhenNeededSnapshotsTheBranchWithTheGap) {
  config.snapshot_mode = SnapshotMode::kWhenNeeded;
  const auto planned =
      plan({branch("a", {{"slot", ours(999)}}), branch("b", {{"slot", ours(1500)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->whole, 0b01u);
  EXPECT_EQ(start_lsn(*planned->from), 1500u);
}

TEST_F(StartPlanTest, WhenNeededMakesALostSlotAgain) {
  config.snapshot_mode = SnapshotMode::kWhenNeeded;
  slot->wal_status = "lost";
  const auto planned = plan({branch("a", {{"slot", ours(1500)}})});
  ASSERT_TRUE(planned);
  EXPECT_TRUE(planned->drop_slot);
  EXPECT_TRUE(planned->make_slot);
  EXPECT_EQ(planned->whole, 1u);
}

TEST_F(StartPlanTest, ALostSlotThatNobodyHadProgressFromIsMadeAgain) {
  slot->wal_status = "lost";
  const auto planned = plan({fresh("a")});
  ASSERT_TRUE(planned);
  EXPECT_TRUE(planned->drop_slot && planned->make_slot);
}

TEST_F(StartPlanTest, TrustSlotGoesOnAtTheSlot) {
  config.offset_mismatch = OffsetMismatch::kTrustSlot;
  const auto planned = plan({branch("a", {{"slot", ours(900)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(start_lsn(*planned->from), 1000u);
  slot.reset();
  expect_gap(plan({branch("a", {{"slot", ours(900)}})}), "does not exist");
}

TEST_F(StartPlanTest, NoDataStartsWhereTheSlotIs) {
  config.snapshot_mode = SnapshotMode::kNoData;
  const auto planned = plan({fresh("a")});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->whole, 0u);
  EXPECT_EQ(start_lsn(*planned->from), 1000u);
  EXPECT_EQ(planned->from->position, (Position{999, UINT64_MAX}));
}

TEST_F(StartPlanTest, AlwaysSnapshotsAtEachStartButNotAtAReconnect) {
  config.snapshot_mode = SnapshotMode::kAlways;
  EXPECT_EQ(plan({branch("a", {{"slot", ours(1500)}})})->whole, 1u);
  has_snapshotted = true;
  EXPECT_EQ(plan({branch("a", {{"slot", ours(1500)}})})->whole, 0u);
}

TEST_F(StartPlanTest, InitialOnlyNeedsNoSlot) {
  config.snapshot_mode = SnapshotMode::kInitialOnly;
  slot.reset();
  const auto planned = plan({fresh("a")});
  ASSERT_TRUE(planned);
  EXPECT_FALSE(planned->streams);
  EXPECT_FALSE(planned->make_slot);
  EXPECT_EQ(planned->whole, 1u);
}

TEST_F(StartPlanTest, ASlotInUseIsBusyAndNamesItsReader) {
  slot->active = true;
  slot->active_pid = 321;
  const auto planned = plan({fresh("a")});
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().kind, ErrorKind::kBusy);
  EXPECT_THAT(planned.error().message, HasSubstr("PID 321"));
  EXPECT_THAT(planned.error().cure, HasSubstr("pg_terminate_backend(321)"));
}

TEST_F(StartPlanTest, ASlotOfAnotherPluginOrDatabaseIsRefused) {
  slot->plugin = "wal2json";
  EXPECT_EQ(plan({fresh("a")}).error().kind, ErrorKind::kConfig);
  slot->plugin = "pgoutput";
  slot->database = "elsewhere";
  EXPECT_EQ(plan({fresh("a")}).error().kind, ErrorKind::kConfig);
}

TEST_F(StartPlanTest, DebeziumsOffsetStartsAtItsLastProcessedEvent) {
  Offset debezium;
  debezium.lsn = debezium.lsn_proc = 1300;
  debezium.lsn_commit = 1250;
  const auto planned = plan({branch("a", {{"slot", debezium}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(start_lsn(*planned->from), 1300u);
  EXPECT_EQ(planned->from->position, Position{});
}

TEST_F(StartPlanTest, DebeziumsUnfinishedSnapshotIsTakenAgain) {
  Offset debezium;
  debezium.lsn = 1300;
  debezium.snapshot = SnapshotPhase::kRunning;
  EXPECT_EQ(plan({branch("a", {{"snapshot", debezium}})})->whole, 1u);
}

TEST_F(StartPlanTest, DebeziumsRuleIsLeftOutBesideAnotherBranch) {
  Offset debezium;
  debezium.lsn = debezium.lsn_proc = 1300;
  debezium.lsn_commit = 1250;
  const auto planned =
      plan({branch("a", {{"slot", debezium}}), branch("b", {{"slot", ours(1500)}})});
  ASSERT_TRUE(planned);
  EXPECT_EQ(start_lsn(*planned->from), 1300u);
  EXPECT_NE(planned->from->position, Position{});
}

TEST_F(StartPlanTest, BranchThatIsAwayHoldsTheSlotAndIsReadNothing) {
  BranchProgress away = branch("away", {{"slot", ours(2000)}});
  away.progress->at("slot").tables = TableSet({1});
  away.away = true;
  BranchProgress other = branch("other", {{"slot", ours(3000)}});
  other.progress->at("slot").tables = TableSet({1, 2});
  const auto planned = plan({away, other});
  ASSERT_TRUE(planned);
  EXPECT_EQ(start_lsn(*planned->from), 3000U) << "the other one does not read again what it lacks";
  EXPECT_EQ(planned->streaming, 3U);
  EXPECT_EQ(planned->snapshot_audience(), 0U);
  const auto alone = plan({away});
  ASSERT_TRUE(alone);
  EXPECT_EQ(start_lsn(*alone->from), 2000U);
  branches = {away, other};
  branches[0].away = false;
  const auto back = plan(branches);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->snapshot_audience(), 1U);
}

}  // namespace
}  // namespace millrace
