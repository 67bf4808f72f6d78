#include "source/postgres/start_plan.h"

#include <algorithm>

#include "base/log.h"

namespace millrace {

namespace {

bool is_debeziums(const Offset& offset) {
  return offset.position == Position{};
}

// Debezium flushes lsn_commit to the slot, or lsn_proc while it has none; we flush lsn_commit.
Lsn reached_lsn(const Offset& offset) {
  return offset.lsn_commit != 0 ? offset.lsn_commit : start_lsn(offset);
}

bool is_unfinished(const BranchProgress& branch) {
  return branch.progress && std::ranges::any_of(*branch.progress, [](const auto& entry) {
           return entry.second.snapshot == SnapshotPhase::kRunning;
         });
}

struct Gap {
  std::string what;
  bool slot_is_usable = false;  // trust_slot can go on with it
};

std::optional<Gap> find_server_gap(const StartFacts& facts, const Offset& offset) {
  if (offset.system_id == 0) return std::nullopt;
  if (offset.system_id != facts.server.system_id) {
    return Gap{"the progress is of another server (system identifier " +
               std::to_string(offset.system_id) + ", this one is " +
               std::to_string(facts.server.system_id) + ")"};
  }
  if (offset.timeline == facts.server.timeline || offset.timeline == 0) return std::nullopt;
  const auto end = end_of_timeline(facts.timeline_history, offset.timeline);
  // Within a transaction lsn_commit is the one before it; `position` is the transaction's own.
  const bool contains = end && reached_lsn(offset) <= *end && offset.position.commit_lsn < *end;
  if (contains) return std::nullopt;
  return Gap{"the server is on timeline " + std::to_string(facts.server.timeline) +
             ", which does not contain the progress on timeline " +
             std::to_string(offset.timeline)};
}

std::optional<Gap> find_gap(const PostgresConfig& config, const StartFacts& facts,
                            const Offset& offset) {
  if (auto gap = find_server_gap(facts, offset)) return gap;
  const std::string slot = "replication slot " + config.slot_name;
  if (!facts.slot) return Gap{slot + " does not exist"};
  if (facts.slot->lost()) return Gap{slot + " is lost: " + facts.slot->lost_reason()};
  if (facts.slot->confirmed_flush <= reached_lsn(offset)) return std::nullopt;
  return Gap{
      slot + " stands at " + format_lsn(facts.slot->confirmed_flush) + ", beyond the progress",
      true};
}

Failure gap_error(const PostgresConfig& config, const BranchProgress& branch, const Offset& offset,
                  const Gap& gap) {
  std::string cure = "for a new snapshot set snapshot.mode=when_needed";
  if (gap.slot_is_usable)
    cure += "; to go on with the changes lost, offset.mismatch.strategy=trust_slot";
  return fail(ErrorKind::kGap,
              gap.what + ": changes after " + format_lsn(reached_lsn(offset)) +
                  " may be missing for branch '" + branch.branch + "' of slot " + config.slot_name,
              std::move(cure));
}

Result<void> check_slot(const PostgresConfig& config, const StartFacts& facts) {
  if (!facts.slot) return {};
  const SlotState& slot = *facts.slot;
  const std::string name = "replication slot " + config.slot_name;
  if (slot.plugin != kOutputPlugin) {
    return fail(ErrorKind::kConfig,
                name + " is " +
                    (slot.plugin.empty() ? "a physical one" : "one of the plug-in " + slot.plugin) +
                    ", not of pgoutput",
                "set slot.name to another name");
  }
  if (slot.database != config.dbname) {
    return fail(ErrorKind::kConfig, name + " belongs to the database " + slot.database,
                "set slot.name to another name");
  }
  if (slot.active) {
    std::string who = "PID " + std::to_string(slot.active_pid);
    if (!slot.active_application.empty()) who += " (" + slot.active_application + ")";
    return fail(ErrorKind::kBusy, name + " is read by " + who,
                "stop that reader, or SELECT pg_terminate_backend(" +
                    std::to_string(slot.active_pid) + ")");
  }
  return {};
}

bool wants_snapshot(const PostgresConfig& config, const StartFacts& facts, bool has_progress) {
  switch (config.snapshot_mode) {
    case SnapshotMode::kNoData:
      return false;
    case SnapshotMode::kAlways:
      return !has_progress || !facts.has_snapshotted;
    default:
      return !has_progress;
  }
}

bool trusts_slot(const PostgresConfig& config) {
  return config.offset_mismatch == OffsetMismatch::kTrustSlot ||
         config.offset_mismatch == OffsetMismatch::kTrustGreaterLsn;
}

void lower(std::optional<Offset>& from, const Offset& offset) {
  from = from ? lower_offset(*from, offset) : offset;
}

// A branch that is not to be snapshotted: finds where it goes on.
Result<void> plan_branch(const PostgresConfig& config, const StartFacts& facts, size_t index,
                         const std::optional<Offset>& progress, StartPlan& plan) {
  const BranchProgress& branch = facts.branches[index];
  if (!progress) {  // snapshot.mode=no_data: from where the slot is, or will be
    if (facts.slot && !facts.slot->lost()) {
      lower(plan.from, offset_at(facts.slot->confirmed_flush, facts.server));
    }
    return {};
  }
  const std::optional<Gap> gap = find_gap(config, facts, *progress);
  if (!gap) {
    lower(plan.from, *progress);
    return {};
  }
  if (config.snapshot_mode == SnapshotMode::kWhenNeeded) {
    log::warn("a new snapshot is needed", {{"branch", branch.branch}, {"why", gap->what}});
    plan.snapshot_audience |= uint64_t{1} << index;
    return {};
  }
  if (!gap->slot_is_usable || !trusts_slot(config)) {
    return gap_error(config, branch, *progress, *gap);
  }
  log::warn("changes are left out: offset.mismatch.strategy trusts the slot",
            {{"branch", branch.branch},
             {"from", format_lsn(reached_lsn(*progress))},
             {"to", format_lsn(facts.slot->confirmed_flush)}});
  lower(plan.from, offset_at(facts.slot->confirmed_flush, facts.server));
  return {};
}

}  // namespace

Lsn start_lsn(const Offset& offset) {
  if (!is_debeziums(offset)) return offset.lsn_commit;
  return offset.lsn_proc != 0 ? offset.lsn_proc : offset.lsn;
}

Offset offset_at(Lsn lsn, const SystemIdentity& server) {
  Offset out;
  out.position = {lsn - 1, UINT64_MAX};  // a commit record can start at `lsn` itself
  out.lsn = out.lsn_proc = out.lsn_commit = lsn;
  out.snapshot = SnapshotPhase::kCompleted;  // no transaction stands before it
  out.system_id = server.system_id;
  out.timeline = server.timeline;
  return out;
}

Offset lower_offset(const Offset& a, const Offset& b) {
  if (a == b) return a;
  if (!is_debeziums(a) && !is_debeziums(b)) return a.position < b.position ? a : b;
  // Debezium's rule leaves events out, which the other branch may lack: from the lower LSN, whole.
  const Offset& low = start_lsn(a) <= start_lsn(b) ? a : b;
  return offset_at(start_lsn(low), {low.system_id, low.timeline, 0});
}

std::optional<Offset> resume_offset(const BranchProgress& branch, uint64_t system_id) {
  if (!branch.progress || is_unfinished(branch)) return std::nullopt;
  std::optional<Offset> best;
  for (const auto& [stream, offset] : *branch.progress) {
    if (stream != kSlotStream && offset.snapshot != SnapshotPhase::kCompleted) continue;
    if (start_lsn(offset) == 0) continue;
    const bool fits = offset.system_id == 0 || offset.system_id == system_id;
    const bool best_fits = best && (best->system_id == 0 || best->system_id == system_id);
    const bool newer = best && start_lsn(offset) > start_lsn(*best);
    if (!best || (fits && !best_fits) || (fits == best_fits && newer)) best = offset;
  }
  // A snapshot's position counts its rows; in the slot's stream it stands before what commits at
  // its LSN.
  if (best && best->snapshot == SnapshotPhase::kCompleted && !is_debeziums(*best)) {
    best->position = {best->lsn_commit - 1, UINT64_MAX};
  }
  return best;
}

Result<StartPlan> plan_start(const PostgresConfig& config, const StartFacts& facts) {
  StartPlan plan;
  plan.streams = config.snapshot_mode != SnapshotMode::kInitialOnly;
  if (plan.streams) {
    if (auto fine = check_slot(config, facts); !fine) return Failure(fine.error());
  }
  bool all_snapshotted = true;
  for (size_t i = 0; i < facts.branches.size(); ++i) {
    const auto progress = resume_offset(facts.branches[i], facts.server.system_id);
    if (wants_snapshot(config, facts, progress.has_value())) {
      plan.snapshot_audience |= uint64_t{1} << i;
    } else if (plan.streams) {
      if (auto planned = plan_branch(config, facts, i, progress, plan); !planned) {
        return Failure(planned.error());
      }
    }
    all_snapshotted = all_snapshotted && (plan.snapshot_audience >> i & 1) != 0;
  }
  if (!plan.streams) return plan;
  const bool lost = facts.slot && facts.slot->lost();
  if (lost && !all_snapshotted) {
    return fail(ErrorKind::kGap,
                "replication slot " + config.slot_name + " is lost: " + facts.slot->lost_reason(),
                "SELECT pg_drop_replication_slot('" + config.slot_name + "'), then start again");
  }
  plan.drop_slot = lost;
  plan.make_slot = lost || !facts.slot;
  return plan;
}

}  // namespace millrace
