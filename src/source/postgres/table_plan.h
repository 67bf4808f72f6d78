// Which tables a branch still has to be given a snapshot of, and which it has to forget. Pure.
#pragma once

#include "source/postgres/start_plan.h"

namespace millrace {

// All tables of branch `index`, whatever it had.
void read_all_tables(const StartFacts& facts, size_t index, StartPlan& plan);

// The tables that its interrupted snapshot has not completed.
void read_unfinished_tables(const StartFacts& facts, size_t index, StartPlan& plan);

// Of a branch that streams: the tables that it does not know. With `wants_rows` false they count as
// read.
void read_new_tables(const StartFacts& facts, size_t index, bool wants_rows, StartPlan& plan);

}  // namespace millrace
