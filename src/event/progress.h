// Rules over Progress: how batches move it, and what of a batch was delivered before. Pure
// functions.
#pragma once

#include "event/batch.h"

namespace millrace {

// Moves `progress` to the end of `batch`. The end of a snapshot is where the slot's stream begins;
// the start of one makes what was known of the slot's stream void.
void advance(Progress& progress, const std::string& stream, const Offset& offset);
void advance(Progress& progress, const Batch& batch);

// True when everything in `batch` is at or below `progress`.
bool covers(const Progress& progress, const Batch& batch);

// Leaves out of view.changes what `progress` has already (a prefix: changes are in order).
// Snapshots repeat as a whole.
void drop_delivered(BatchView& view, const Progress& progress);

// Up to which LSN the slot may move when this is durable; 0 = not at all yet (a snapshot is not
// complete).
Lsn confirmable(const Progress& progress);

}  // namespace millrace
