#include "event/progress.h"

#include <algorithm>
#include <limits>

namespace millrace {

namespace {

bool is_running(const Offset& offset) {
  return offset.snapshot == SnapshotPhase::kRunning;
}

// Read by key chunks: what is read already goes on in the stream.
bool is_partial(const Offset& offset) {
  return is_running(offset) && offset.unread.until != 0;
}

// Of a table that is read by chunks: what commits later is left out until all is read.
Position last_followed(const Offset& table) {
  return {table.unread.until - 1, std::numeric_limits<uint64_t>::max()};
}

// Up to where a table must be for a stream that stands at `position`; nullopt: anywhere.
std::optional<Position> due_position(const Offset& table, const Position& position) {
  if (is_partial(table)) return std::min(position, last_followed(table));
  if (is_running(table) || table.stands_still) return std::nullopt;
  return position;
}

const Offset* find(const Progress& progress, std::string_view stream) {
  const auto at = progress.find(stream);
  return at == progress.end() ? nullptr : &at->second;
}

// A table that stands where the slot's stream stands needs no entry.
void merge_tables(Progress& progress) {
  const Offset* slot = find(progress, kSlotStream);
  if (slot == nullptr) return;
  const Position position = slot->position;
  std::erase_if(progress, [&](const auto& entry) {
    return table_of_stream(entry.first) && !is_running(entry.second) &&
           entry.second.position == position;
  });
}

// 0: none was streamed yet, or it is not known.
Lsn last_commit(const Offset& offset) {
  return offset.last_commit.value_or(offset.snapshot == SnapshotPhase::kNone ? offset.lsn_commit
                                                                             : 0);
}

void follow(Offset& table, const Offset& slot) {
  const std::optional<Position> due = due_position(table, slot.position);
  if (!due || table.position >= *due) return;
  const SnapshotPhase phase =
      is_running(table) ? SnapshotPhase::kRunning : SnapshotPhase::kCompleted;
  UnreadKeys unread = std::move(table.unread);
  table = slot;
  table.snapshot = phase;
  table.unread = std::move(unread);
  table.tables = TableSet();
  table.position = *due;
  if (!is_partial(table)) return;
  table.lsn_commit = std::min(table.lsn_commit, table.unread.until);
  table.last_commit.reset();  // not known where the slot's stream went on beyond `until` at once
  const Lsn last = last_commit(slot);
  if (last != 0 && last <= table.lsn_commit) table.last_commit = last;
}

void advance_slot(Progress& progress, const Offset& offset) {
  for (auto& [stream, own] : progress) {
    if (table_of_stream(stream)) follow(own, offset);
  }
  const auto slot = progress.find(kSlotStream);
  if (slot == progress.end()) {
    progress.emplace(kSlotStream, offset);
  } else if (slot->second.position <= offset.position) {
    TableSet tables = offset.tables.is_known() ? offset.tables : slot->second.tables;
    slot->second = offset;
    slot->second.tables = std::move(tables);
  }
  merge_tables(progress);
}

void advance_snapshot(Progress& progress, const Offset& offset) {
  if (offset.snapshot != SnapshotPhase::kCompleted) {
    std::erase_if(progress, [](const auto& entry) { return entry.first != kReplayStream; });
    progress.emplace(kSnapshotStream, offset);
    return;
  }
  std::vector<uint32_t> finished;
  for (const auto& [stream, own] : progress) {
    const auto oid = table_of_stream(stream);
    if (oid && !is_running(own)) finished.push_back(*oid);
  }
  Offset slot = offset;
  slot.tables = TableSet(std::move(finished));
  progress.erase(std::string(kSnapshotStream));
  progress.insert_or_assign(std::string(kSlotStream), std::move(slot));
  merge_tables(progress);
}

// `offset` is where the table stands, or, of one that is in the middle of it, what was read since.
UnreadKeys unread_after(const Offset* own, const Offset& offset) {
  if (!is_partial(offset)) return {};
  UnreadKeys out = offset.unread;
  const bool goes_on =
      own != nullptr && is_partial(*own) && own->unread.until == out.until && out.ranges.empty();
  if (goes_on) out = own->unread;
  if (offset.unread.read) take_out(out.ranges, *offset.unread.read);
  out.read.reset();
  return out;
}

void advance_table(Progress& progress, std::string_view stream, uint32_t oid,
                   const Offset& offset) {
  const auto slot = progress.find(kSlotStream);
  const bool completed = offset.snapshot == SnapshotPhase::kCompleted;
  if (slot != progress.end()) {
    TableSet& tables = slot->second.tables;
    tables = completed ? tables.with(oid) : tables.without(oid);
  }
  const bool stands_alone = offset.snapshot != SnapshotPhase::kNone && offset.lsn != 0;
  if (!stands_alone) {
    progress.erase(std::string(stream));
    return;
  }
  const auto own = progress.find(stream);
  const bool again = own != progress.end() && is_running(own->second) && is_running(offset);
  const Lsn first_attempt = again ? own->second.lsn_commit : offset.lsn_commit;
  UnreadKeys unread = unread_after(own == progress.end() ? nullptr : &own->second, offset);
  Offset& now = progress[std::string(stream)] = offset;
  now.unread = std::move(unread);
  now.lsn_commit = std::min(now.lsn_commit, first_attempt);
  merge_tables(progress);
}

}  // namespace

void advance(Progress& progress, std::string_view stream, const Offset& offset) {
  if (stream == kReplayStream) {
    progress.insert_or_assign(std::string(stream), offset);
  } else if (stream == kSlotStream) {
    advance_slot(progress, offset);
  } else if (const auto oid = table_of_stream(stream)) {
    advance_table(progress, stream, *oid, offset);
  } else {
    advance_snapshot(progress, offset);
  }
}

void advance(Progress& progress, const Batch& batch) {
  advance(progress, batch.stream, batch.offset);
}

bool covers(const Progress& progress, const Batch& batch) {
  const Offset* slot = find(progress, kSlotStream);
  if (batch.stream == kReplayStream) {
    const Offset* own = find(progress, batch.stream);
    return own != nullptr && own->position >= batch.offset.position;
  }
  if (batch.stream != kSlotStream) {
    const auto oid = table_of_stream(batch.stream);
    if (!oid) return slot != nullptr || progress.contains(batch.stream);
    const Offset* own = find(progress, batch.stream);
    const bool is_known = slot != nullptr && slot->tables.contains(*oid);
    if (batch.offset.snapshot == SnapshotPhase::kNone) return own == nullptr && !is_known;
    if (own == nullptr) return is_known;
    if (!is_running(*own)) return true;
    if (!is_running(batch.offset)) return false;
    const bool is_same = own->unread.until == batch.offset.unread.until;
    return is_same && own->position >= batch.offset.position;
  }
  if (slot == nullptr) return false;
  return std::ranges::all_of(progress, [&](const auto& entry) {
    const auto due = due_position(entry.second, batch.offset.position);
    return !due || entry.second.position >= *due;
  });
}

bool joins(const Progress& progress, const Batch& batch) {
  const Offset& offset = batch.offset;
  const bool is_part =
      table_of_stream(batch.stream) && offset.unread.until != 0 && !batch.snapshot_start;
  const bool is_mark = is_running(offset) && batch.changes.empty() && !offset.unread.read;
  if (!is_part || is_mark) return true;
  const Offset* own = find(progress, batch.stream);
  return own != nullptr && is_partial(*own) && own->unread.until == offset.unread.until &&
         own->position >= last_followed(*own);
}

void drop_delivered(BatchView& view, const Progress& progress) {
  if (view.batch->stream != kSlotStream) return;
  const Offset* slot = find(progress, kSlotStream);
  if (slot == nullptr) return;
  const auto is_delivered = [&](const Change& change, const Offset& had) {
    if (change.op == Op::kHeartbeat) return false;
    if (change.position <= had.position || had.stands_still) return true;
    return is_running(had) && !(is_partial(had) && change.position <= last_followed(had));
  };
  const bool is_one = std::ranges::none_of(
      progress, [](const auto& entry) { return table_of_stream(entry.first).has_value(); });
  if (is_one) {  // changes are in order: what was delivered is a prefix
    const auto fresh = std::ranges::find_if(
        view.changes, [&](const Change& change) { return !is_delivered(change, *slot); });
    view.changes = view.changes.subspan(static_cast<size_t>(fresh - view.changes.begin()));
    return;
  }
  const auto drops = [&](const Change& change) {
    const Offset* own =
        change.table == nullptr ? nullptr : find(progress, table_stream(change.table->oid));
    return is_delivered(change, own == nullptr ? *slot : *own);
  };
  auto kept = std::make_shared<std::vector<Change>>();
  std::ranges::remove_copy_if(view.changes, std::back_inserter(*kept), drops);
  view.changes = *kept;
  view.keep.push_back(std::move(kept));
}

bool lacks(const Progress& stored, const Progress& had) {
  const Offset* slot = find(stored, kSlotStream);
  return std::ranges::any_of(had, [&](const auto& entry) {
    const auto& [stream, offset] = entry;
    if (stream == kReplayStream) return false;
    const Offset* own = find(stored, stream);
    // What is complete and has come to where the slot's stream is needs no entry any more.
    if (own == nullptr) {
      const bool may_be_read = table_of_stream(stream) && is_running(offset);
      return slot == nullptr || (!may_be_read && slot->position < offset.position);
    }
    if (is_running(*own) != is_running(offset)) return is_running(*own);
    return own->position < offset.position;
  });
}

bool has_unfinished(const Progress& progress) {
  return std::ranges::any_of(progress, [](const auto& entry) { return is_running(entry.second); });
}

std::optional<Offset> needed_from(const Progress& progress) {
  const Offset* const slot = find(progress, kSlotStream);
  if (slot == nullptr) return std::nullopt;
  const Offset* low = slot;
  for (const auto& [stream, offset] : progress) {
    if (offset.position < low->position) low = &offset;
  }
  Offset from = *low;
  // An earlier attempt at a table may have given rows: what was changed since is needed too.
  if (const Lsn first = confirmable(progress); first < from.lsn_commit) {
    from.lsn_commit = first;
    from.last_commit = 0;
  }
  // A snapshot does not know the last transaction before it. The slot's stream does, while it has
  // not completed another one.
  const Lsn last = last_commit(*slot);
  if (last_commit(from) == 0 && last != 0 && last <= from.lsn_commit) from.last_commit = last;
  return from;
}

Lsn confirmable(const Progress& progress) {
  if (!progress.contains(kSlotStream)) return 0;
  Lsn lowest = std::numeric_limits<Lsn>::max();
  for (const auto& [stream, offset] : progress) {
    if (stream != kReplayStream) lowest = std::min(lowest, offset.lsn_commit);
  }
  return lowest;
}

}  // namespace millrace
