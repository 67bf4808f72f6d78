// A PostgreSQL database as a source: snapshot of the captured tables, then the stream of a logical
// replication slot. What is snapshotted and where the stream starts: start_plan.h. Positions:
// change_decoder.h.
//
// A branch or a table that is new is snapshotted beside the stream, which goes on for the others;
// then the stream goes back to where the snapshot was taken, for what is new alone.
#pragma once

#include <memory>

#include "source/postgres/postgres_config.h"
#include "source/source.h"

namespace millrace {

struct PostgresSourceOptions {
  PostgresConfig config;
  MemoryBudget* budget = nullptr;  // outlives all batches; may be null
  size_t batch_bytes = 256 * 1024;
  // Op::kBegin and kCommit changes
  bool transaction_markers = false;
  // At most one batch without changes in this time, when only the position moved.
  Millis idle_interval{10000};
};

// Errors: kConfig for a filter's regex.
Result<std::unique_ptr<Source>> make_postgres_source(PostgresSourceOptions options);

}  // namespace millrace
