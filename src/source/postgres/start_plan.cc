#include "source/postgres/start_plan.h"

#include <algorithm>

#include "base/log.h"
#include "event/progress.h"
#include "source/postgres/table_plan.h"

namespace millrace {

namespace {

bool is_debeziums(const Offset& offset) {
  return offset.position == Position{};
}

// Debezium flushes lsn_commit to the slot, or lsn_proc while it has none; we flush lsn_commit.
Lsn reached_lsn(const Offset& offset) {
  return offset.lsn_commit != 0 ? offset.lsn_commit : start_lsn(offset);
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

bool trusts_slot(const PostgresConfig& config) {
  return config.offset_mismatch == OffsetMismatch::kTrustSlot ||
         config.offset_mismatch == OffsetMismatch::kTrustGreaterLsn;
}

class Planner {
 public:
  Planner(const PostgresConfig& config, const StartFacts& facts)
      : config_(config), branches_(facts.branches.begin(), facts.branches.end()), facts_(facts) {
    facts_.branches = branches_;
    plan_.streams = config.snapshot_mode != SnapshotMode::kInitialOnly;
  }

  Result<StartPlan> plan() {
    if (plan_.streams) {
      if (auto fine = check_slot(config_, facts_); !fine) return Failure(fine.error());
    }
    for (size_t i = 0; i < facts_.branches.size(); ++i) {
      if (auto planned = plan_branch(i); !planned) return Failure(planned.error());
    }
    if (!plan_.streams) return plan_;
    // Who goes on does not read again what only they lack; unless nobody goes on.
    if (!plan_.from && away_from_) plan_.from = away_from_;
    const bool lost = facts_.slot && facts_.slot->lost();
    if (lost && plan_.streaming != 0) {
      return fail(
          ErrorKind::kGap,
          "replication slot " + config_.slot_name + " is lost: " + facts_.slot->lost_reason(),
          "SELECT pg_drop_replication_slot('" + config_.slot_name + "'), then start again");
    }
    plan_.drop_slot = lost;
    plan_.make_slot = lost || !facts_.slot;
    return plan_;
  }

 private:
  Result<void> plan_branch(size_t index) {
    const BranchProgress& branch = facts_.branches[index];
    const bool has_progress = branch.progress && !branch.progress->empty();
    const auto needed = has_progress ? needed_from(*branch.progress) : std::nullopt;
    const bool anew = config_.snapshot_mode == SnapshotMode::kAlways && !facts_.has_snapshotted;
    if (config_.snapshot_mode == SnapshotMode::kNoData && !needed) {
      start_at_slot(index);
    } else if (!needed || anew) {
      if (!branch.away) plan_snapshot(index, has_progress && !anew);
    } else if (plan_.streams) {
      return plan_stream(index, *needed);
    }
    return {};
  }

  // snapshot.mode=no_data: from where the slot is, or will be.
  void start_at_slot(size_t index) {
    plan_.streaming |= uint64_t{1} << index;
    if (facts_.slot && !facts_.slot->lost()) {
      lower(plan_.from, offset_at(facts_.slot->confirmed_flush, facts_.server));
    }
  }

  void plan_snapshot(size_t index, bool was_interrupted) {
    plan_.whole |= uint64_t{1} << index;
    if (!was_interrupted || !plan_.streams || !can_go_on(facts_.branches[index])) {
      restart(index);
    } else if (has_chunks(*branches_[index].progress)) {
      plan_.whole &= ~(uint64_t{1} << index);
      resume(index);
    } else {
      read_unfinished_tables(facts_, index, plan_);
    }
  }

  // The branch gets its place in the stream: where its snapshot was taken. What is not complete is
  // read as of tables that came later.
  void resume(size_t index) {
    Progress& progress = *branches_[index].progress;
    for (Mark& mark : place_in_stream(facts_, index)) {
      advance(progress, mark.stream, mark.offset);
      plan_.marks.push_back(std::move(mark));
    }
    plan_.streaming |= uint64_t{1} << index;
    lower(plan_.from, *needed_from(progress));
    go_on_with_all(facts_, index, plan_);
    read_new_tables(facts_, index, true, plan_);
  }

  void restart(size_t index) {
    plan_.whole |= uint64_t{1} << index;
    plan_.restarts |= uint64_t{1} << index;
    read_all_tables(facts_, index, plan_);
  }

  // The stream still has all that was changed since the interrupted snapshot was taken.
  bool can_go_on(const BranchProgress& branch) const {
    return std::ranges::all_of(*branch.progress, [&](const auto& entry) {
      return is_debeziums(entry.second) ? false : !find_gap(config_, facts_, entry.second);
    });
  }

  Result<void> plan_stream(size_t index, const Offset& needed) {
    const BranchProgress& branch = facts_.branches[index];
    const std::optional<Gap> gap = find_gap(config_, facts_, needed);
    const bool was_passed = gap && gap->slot_is_usable && branch.may_be_passed;
    if (gap && (config_.snapshot_mode == SnapshotMode::kWhenNeeded || was_passed)) {
      if (branch.away) return {};
      log::warn("a new snapshot is needed", {{"branch", branch.branch}, {"why", gap->what}});
      restart(index);
      return {};
    }
    if (gap && (!gap->slot_is_usable || !trusts_slot(config_))) {
      return gap_error(config_, branch, needed, *gap);
    }
    plan_.streaming |= uint64_t{1} << index;
    if (gap) {
      log::warn("changes are left out: offset.mismatch.strategy trusts the slot",
                {{"branch", branch.branch},
                 {"from", format_lsn(reached_lsn(needed))},
                 {"to", format_lsn(facts_.slot->confirmed_flush)}});
    }
    const Offset from = gap ? offset_at(facts_.slot->confirmed_flush, facts_.server) : needed;
    lower(branch.away ? away_from_ : plan_.from, from);
    if (branch.away) return {};
    go_on_with_all(facts_, index, plan_);
    read_new_tables(facts_, index, config_.snapshot_mode != SnapshotMode::kNoData, plan_);
    return {};
  }

  static void lower(std::optional<Offset>& to, const Offset& offset) {
    to = to ? lower_offset(*to, offset) : offset;
  }

  const PostgresConfig& config_;
  std::vector<BranchProgress> branches_;  // as the marks will have moved them
  StartFacts facts_;
  StartPlan plan_;
  std::optional<Offset> away_from_;  // the lowest progress of those that are away
};

}  // namespace

uint64_t TableRead::audience() const {
  uint64_t out = 0;
  for (const Share& share : shares)
    out |= share.audience;
  return out;
}

uint64_t TableRead::followers() const {
  uint64_t out = 0;
  for (const Rest& rest : rests)
    out |= uint64_t{1} << rest.branch;
  return out;
}

void TableRead::add_share(Lsn since, size_t branch) {
  auto share = std::ranges::find(shares, since, &Share::since);
  if (share == shares.end()) share = shares.insert(share, {since, 0});
  share->audience |= uint64_t{1} << branch;
}

void TableRead::start_over() {
  for (const Rest& rest : std::exchange(rests, {})) {
    for (Share& share : shares)
      share.audience &= ~(uint64_t{1} << rest.branch);
    add_share(rest.since_if_anew, rest.branch);
  }
  std::erase_if(shares, [](const Share& share) { return share.audience == 0; });
}

bool StartPlan::snapshot_waits() const {
  return std::ranges::any_of(reads, [](const TableRead& read) { return !read.rests.empty(); });
}

uint64_t StartPlan::snapshot_audience() const {
  const uint64_t all = whole | streaming;  // who takes part
  uint64_t out = whole;
  for (auto read = reads.begin(); read != reads.end() && out != all; ++read)
    out |= read->audience();
  return out;
}

bool StartPlan::is_first_snapshot() const {
  return whole != 0 && streaming == 0 && restarts == whole;
}

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

Result<StartPlan> plan_start(const PostgresConfig& config, const StartFacts& facts) {
  return Planner(config, facts).plan();
}

}  // namespace millrace
