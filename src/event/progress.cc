#include "event/progress.h"

#include <algorithm>
#include <limits>

namespace millrace {

void advance(Progress& progress, const std::string& stream, const Offset& offset) {
  progress.insert_or_assign(stream, offset);
  if (stream == kSlotStream || stream == kReplayStream) return;
  if (offset.snapshot != SnapshotPhase::kCompleted) {
    progress.erase(std::string(kSlotStream));
    return;
  }
  Offset slot = offset;
  // Everything before the snapshot's LSN: a transaction whose commit record starts exactly there
  // comes after it.
  slot.position = {slot.lsn - 1, std::numeric_limits<uint64_t>::max()};
  slot.lsn_commit = slot.lsn;
  progress.insert_or_assign(std::string(kSlotStream), slot);
}

void advance(Progress& progress, const Batch& batch) {
  advance(progress, batch.stream, batch.offset);
}

bool covers(const Progress& progress, const Batch& batch) {
  const auto slot = progress.find(kSlotStream);
  if (batch.stream == kSlotStream) {
    return slot != progress.end() && slot->second.position >= batch.offset.position;
  }
  if (slot != progress.end() && batch.stream != kReplayStream) return true;
  const auto own = progress.find(batch.stream);
  return own != progress.end() && own->second.position >= batch.offset.position;
}

void drop_delivered(BatchView& view, const Progress& progress) {
  if (view.batch->stream != kSlotStream) return;
  const auto slot = progress.find(kSlotStream);
  if (slot == progress.end()) return;
  const Position last = slot->second.position;
  const auto fresh = std::find_if(
      view.changes.begin(), view.changes.end(),
      [&](const Change& change) { return change.position > last || change.op == Op::kHeartbeat; });
  view.changes = view.changes.subspan(static_cast<size_t>(fresh - view.changes.begin()));
}

Lsn confirmable(const Progress& progress) {
  const auto slot = progress.find(kSlotStream);
  return slot == progress.end() ? 0 : slot->second.lsn_commit;
}

}  // namespace millrace
