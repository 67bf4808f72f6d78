// Planning a start takes time in proportion to the tables, whatever the branch had of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <numeric>

#include "source/postgres/start_plan.h"

namespace millrace {
namespace {

constexpr uint32_t kFew = 1000;
constexpr uint32_t kTimes = 16;  // so many times more; a step for each pair would take its square

Offset stands(SnapshotPhase phase) {
  Offset out;
  out.position = {992, UINT64_MAX};
  out.lsn = out.lsn_proc = out.lsn_commit = 1000;
  out.system_id = 4711;
  out.timeline = 1;
  out.snapshot = phase;
  return out;
}

// Processor seconds of this thread: the quickest of three, for others use the machine too.
double plan_seconds(uint32_t count, const std::optional<Progress>& progress) {
  PostgresConfig config;
  config.slot_name = "s";
  config.dbname = "db";
  std::vector<CapturedTable> tables;
  for (uint32_t oid = 1; oid <= count; ++oid)
    tables.push_back({oid, "public.t" + std::to_string(oid), true, true});
  SlotState slot;
  slot.name = "s";
  slot.plugin = "pgoutput";
  slot.database = "db";
  slot.confirmed_flush = 1000;
  slot.restart_lsn = 900;
  const BranchProgress branch{"a", progress, {}, false};
  double best = 1e9;
  for (int round = 0; round < 3; ++round) {
    const std::clock_t began = std::clock();
    const auto plan = plan_start(config, {slot, {4711, 1, 5000}, "", {&branch, 1}, tables});
    EXPECT_TRUE(plan) << plan.error().text();
    if (!plan) return 0;
    EXPECT_GE(plan->reads.size() + plan->marks.size(), count / 2);
    best = std::min(best, static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC);
  }
  return best;
}

// What a branch had of `count` tables.
using Had = std::optional<Progress> (*)(uint32_t count);

void expect_in_proportion(Had had) {
  const double few = plan_seconds(kFew, had(kFew));
  const double many = plan_seconds(kFew * kTimes, had(kFew * kTimes));
  std::cout << "     " << many / few << " times as long for " << kTimes << " times the tables\n";
  EXPECT_LT(many, few * kTimes * 4) << "seconds; " << few << " for " << kFew << " tables";
}

TEST(StartPlanGrowthTest, FirstStart) {
  expect_in_proportion([](uint32_t) { return std::optional<Progress>(); });
}

TEST(StartPlanGrowthTest, AnInterruptedSnapshotOfWhichEveryOtherTableIsComplete) {
  expect_in_proportion([](uint32_t count) {
    Progress out = {{std::string(kSnapshotStream), stands(SnapshotPhase::kRunning)}};
    for (uint32_t oid = 2; oid <= count; oid += 2)
      out[table_stream(oid)] = stands(SnapshotPhase::kCompleted);
    return std::optional(out);
  });
}

TEST(StartPlanGrowthTest, ABranchThatKnowsAllAndAsManyThatAreGone) {
  expect_in_proportion([](uint32_t count) {
    std::vector<uint32_t> known(size_t{2} * count);
    std::iota(known.begin(), known.end(), 1);
    Offset slot = stands(SnapshotPhase::kCompleted);
    slot.tables = TableSet(known);
    return std::optional<Progress>({{std::string(kSlotStream), slot}});
  });
}

}  // namespace
}  // namespace millrace
