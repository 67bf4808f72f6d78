// Which tables a branch still has to be given a snapshot of, and which it has to forget. Pure.
#pragma once

#include "source/postgres/start_plan.h"

namespace millrace {

// All tables of branch `index`, whatever it had.
void read_all_tables(const StartFacts& facts, size_t index, StartPlan& plan);

// Of a branch that streams: the tables that the stream had passed go on, for it is read from there.
void go_on_with_all(const StartFacts& facts, size_t index, StartPlan& plan);

// What the branches of `streaming` are told of a table that is read beside the stream in the
// snapshot at `at`: one that has chunks of it gets its changes up to there.
void add_marks(const TableRead& read, uint64_t streaming, const Offset& at,
               std::vector<Mark>& marks);

// An interrupted snapshot has come to a table that is read by key chunks.
bool has_chunks(const Progress& progress);

// What gives a branch with an interrupted snapshot its place in the stream: the snapshot counts as
// complete, but for the tables that it has not completed.
std::vector<Mark> place_in_stream(const StartFacts& facts, size_t index);

// The tables that its interrupted snapshot has not completed.
void read_unfinished_tables(const StartFacts& facts, size_t index, StartPlan& plan);

// Of a branch that streams: the tables that it does not know. With `wants_rows` false they count as
// read.
void read_new_tables(const StartFacts& facts, size_t index, bool wants_rows, StartPlan& plan);

}  // namespace millrace
