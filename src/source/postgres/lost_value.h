// A row that gets another key can come from keys of a table that were not read yet to keys that
// were. Where the server does not send all of its values, nobody has them then, and the table has
// to be read anew. Pure.
#pragma once

#include "event/batch.h"
#include "source/postgres/start_plan.h"

namespace millrace {

// The first such change of a batch of the slot's stream, of a table whose rest is still to be read
// in the snapshot at `at`; null: there is none.
const Change* find_lost_value(const Batch& batch, const StartPlan& plan, const Position& at);

}  // namespace millrace
