#include "source/postgres/table_plan.h"

#include <algorithm>
#include <set>

#include "base/log.h"

namespace millrace {

namespace {

uint64_t bit(size_t index) {
  return uint64_t{1} << index;
}

const Progress& progress_of(const BranchProgress& branch) {
  static const Progress kNothing;
  return branch.progress ? *branch.progress : kNothing;
}

bool takes(const BranchProgress& branch, const CapturedTable& table) {
  return !branch.takes || branch.takes(table.full_name);
}

const Offset* own_offset(const Progress& progress, uint32_t oid) {
  const auto at = progress.find(table_stream(oid));
  return at == progress.end() ? nullptr : &at->second;
}

bool is_running(const Offset* own) {
  return own != nullptr && own->snapshot == SnapshotPhase::kRunning;
}

bool is_partial(const Offset* own) {
  return is_running(own) && own->unread.until != 0;
}

// A log wants what was changed since the first attempt: it may hold rows of it that are gone now.
Lsn since(const BranchProgress& branch, const Offset* own) {
  return is_running(own) && !branch.holds_rows ? own->lsn_commit : 0;
}

// `table` is one of facts.tables.
TableRead& add_read(const StartFacts& facts, const CapturedTable& table, Lsn since, size_t index,
                    StartPlan& plan) {
  const auto place = static_cast<size_t>(&table - facts.tables.data());
  auto read = std::ranges::lower_bound(plan.reads, place, {}, &TableRead::place);
  if (read == plan.reads.end() || read->place != place) {
    read = plan.reads.insert(read, TableRead{table.oid, table.has_snapshot, {}, {}, place});
  }
  read->add_share(since, index);
  return *read;
}

// A table that this branch no longer has must not hold the slot, nor count as known.
void forget_others(const StartFacts& facts, size_t index, StartPlan& plan) {
  const BranchProgress& branch = facts.branches[index];
  std::set<uint32_t> gone;
  for (const auto& [stream, offset] : progress_of(branch)) {
    if (const auto oid = table_of_stream(stream)) gone.insert(*oid);
    if (stream != kSlotStream) continue;
    for (const uint32_t oid : offset.tables.oids())
      gone.insert(oid);
  }
  for (const CapturedTable& table : facts.tables) {
    if (takes(branch, table)) gone.erase(table.oid);
  }
  for (const uint32_t oid : gone)
    plan.marks.push_back({bit(index), table_stream(oid), Offset()});
}

void mark_known(const CapturedTable& table, size_t index, StartPlan& plan) {
  Offset known;
  known.snapshot = SnapshotPhase::kCompleted;
  plan.marks.push_back({bit(index), table_stream(table.oid), known});
}

// Debezium's progress does not say of which tables it is: of those that were published.
TableSet adopt_tables(const StartFacts& facts, size_t index, StartPlan& plan) {
  const BranchProgress& branch = facts.branches[index];
  std::vector<uint32_t> oids;
  for (const CapturedTable& table : facts.tables) {
    if (table.was_published && takes(branch, table)) oids.push_back(table.oid);
  }
  Mark mark{bit(index), std::string(kSlotStream), progress_of(branch).at(std::string(kSlotStream))};
  mark.offset.tables = TableSet(std::move(oids));
  plan.marks.push_back(mark);
  return mark.offset.tables;
}

}  // namespace

void go_on_with_all(const StartFacts& facts, size_t index, StartPlan& plan) {
  for (const auto& [stream, offset] : progress_of(facts.branches[index])) {
    if (!offset.stands_still) continue;
    Mark mark{bit(index), stream, offset};
    mark.offset.stands_still = false;
    plan.marks.push_back(std::move(mark));
  }
}

void add_marks(const TableRead& read, uint64_t streaming, const Offset& at,
               std::vector<Mark>& marks) {
  for (const TableRead::Rest& rest : read.rests) {
    Mark mark{bit(rest.branch), table_stream(read.oid), rest.own};
    Lsn before = mark.offset.unread.until;
    if (mark.offset.position.commit_lsn + 1 >= before) {
      // A log may hold rows of an attempt before the one that its chunks are of.
      if (rest.since_if_anew != 0) before = std::min(before, rest.since_if_anew);
      mark.offset.position = {before - 1, UINT64_MAX};
    }
    mark.offset.unread.until = at.lsn_commit;
    marks.push_back(std::move(mark));
  }
  const uint64_t anew = read.audience() & streaming & ~read.followers();
  if (anew == 0) return;
  marks.push_back({anew, table_stream(read.oid), at});
  marks.back().offset.snapshot = SnapshotPhase::kRunning;
}

bool has_chunks(const Progress& progress) {
  return progress.contains(kSnapshotStream) &&
         std::ranges::any_of(progress, [](const auto& entry) { return is_partial(&entry.second); });
}

std::vector<Mark> place_in_stream(const StartFacts& facts, size_t index) {
  const BranchProgress& branch = facts.branches[index];
  const Offset running = progress_of(branch).at(std::string(kSnapshotStream));
  Offset begun = running;
  begun.position = {running.lsn_commit - 1, UINT64_MAX};
  begun.snapshot = SnapshotPhase::kCompleted;
  std::vector<Mark> out = {{bit(index), std::string(kSnapshotStream), begun}};
  // Of a table that was not begun some rows may have been delivered: what is stored can be older.
  begun.snapshot = SnapshotPhase::kRunning;
  for (const CapturedTable& table : facts.tables) {
    if (!takes(branch, table) || own_offset(progress_of(branch), table.oid) != nullptr) continue;
    out.push_back({bit(index), table_stream(table.oid), begun});
  }
  return out;
}

void read_all_tables(const StartFacts& facts, size_t index, StartPlan& plan) {
  for (const CapturedTable& table : facts.tables) {
    if (takes(facts.branches[index], table)) add_read(facts, table, 0, index, plan);
  }
}

void read_unfinished_tables(const StartFacts& facts, size_t index, StartPlan& plan) {
  const BranchProgress& branch = facts.branches[index];
  // What is stored may be older than what was delivered: also of a table that had not begun then.
  const auto whole = progress_of(branch).find(kSnapshotStream);
  const Lsn begun = whole == progress_of(branch).end() ? 0 : since(branch, &whole->second);
  forget_others(facts, index, plan);
  for (const CapturedTable& table : facts.tables) {
    if (!takes(branch, table)) continue;
    const Offset* own = own_offset(progress_of(branch), table.oid);
    const bool completed = own != nullptr && !is_running(own);
    if (completed) continue;
    add_read(facts, table, own == nullptr ? begun : since(branch, own), index, plan);
  }
}

void read_new_tables(const StartFacts& facts, size_t index, bool wants_rows, StartPlan& plan) {
  const BranchProgress& branch = facts.branches[index];
  const Progress& progress = progress_of(branch);
  TableSet known = progress.at(std::string(kSlotStream)).tables;
  if (!known.is_known()) known = adopt_tables(facts, index, plan);
  forget_others(facts, index, plan);
  for (const CapturedTable& table : facts.tables) {
    if (!takes(branch, table)) continue;
    const Offset* own = own_offset(progress, table.oid);
    if (known.contains(table.oid) && !is_running(own)) continue;
    const bool streamed_since_made = facts.has_streamed && table.was_published && !is_running(own);
    if (!wants_rows || !table.has_snapshot || streamed_since_made) {
      mark_known(table, index, plan);
      continue;
    }
    log::info(is_running(own) ? "the snapshot of a table goes on"
                              : "a table is new to the branch: it gets a snapshot of it",
              {{"branch", branch.branch}, {"table", table.full_name}});
    if (!is_partial(own)) {
      add_read(facts, table, since(branch, own), index, plan);
    } else {
      TableRead& read = add_read(facts, table, 0, index, plan);
      read.rests.push_back({index, *own, since(branch, own)});
    }
  }
}

}  // namespace millrace
