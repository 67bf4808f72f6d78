// Rules over Progress: how batches move it, and what of a batch was delivered before. Pure
// functions. What the streams mean: event/position.h.
#pragma once

#include <optional>

#include "event/batch.h"

namespace millrace {

// Moves `progress` to where `stream` stands at `offset`. Repeats do not move it back.
void advance(Progress& progress, std::string_view stream, const Offset& offset);
void advance(Progress& progress, const Batch& batch);

// True when everything in `batch` is at or below `progress`.
bool covers(const Progress& progress, const Batch& batch);

// False where a part of a resumed snapshot is of no use: what stands before it was not had.
bool joins(const Progress& progress, const Batch& batch);

// Leaves out of view.changes what `progress` has already, and what the snapshot of a table brings.
void drop_delivered(BatchView& view, const Progress& progress);

// True when `stored` stands behind `had`, the same progress at another time: something is not in it
// that was.
bool lacks(const Progress& stored, const Progress& had);

// A snapshot, of all tables or of one, has begun and is not complete.
bool has_unfinished(const Progress& progress);

// From where the slot's stream is needed: the lowest of its position and those of the tables that
// stand elsewhere. nullopt: the branch has no place in it yet (nothing, or an unfinished snapshot).
std::optional<Offset> needed_from(const Progress& progress);

// Up to which LSN the slot may move when this is durable; 0 = not at all yet.
Lsn confirmable(const Progress& progress);

}  // namespace millrace
