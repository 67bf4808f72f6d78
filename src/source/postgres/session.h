// All that stands before the first row: server checks, publication, slot, and the plan of what is
// snapshotted and where the stream starts.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "source/postgres/key_chunks.h"
#include "source/postgres/start_plan.h"
#include "source/postgres/table_filter.h"

namespace millrace {

struct Session {
  SystemIdentity server;
  StartPlan plan;
  Offset from;                  // where the stream starts
  std::vector<Lsn> floors;      // of each branch: it has all that commits before
  std::set<uint32_t> captured;  // OIDs
  int binary_version = 0;       // of the server, where the stream is to be binary; else 0
  Millis status_interval{0};
  Millis silence_limit{0};  // 0: none
  // For START_REPLICATION. Must stay silent until the snapshot is imported, where it made the slot.
  std::optional<postgres::Connection> replication;

  // With plan.needs_snapshot(); tables[i] is of plan.reads[i].
  std::vector<SchemaPtr> tables;
  std::vector<std::vector<KeyChunk>> chunks;  // of each of them: what is left; empty: all of it
  Offset snapshot_at;
  std::string snapshot_name;
  std::optional<postgres::Connection>
      snapshot_keeper;  // a temporary slot's; closed when it is imported
};

// What a process has done so far, for the rules of StartFacts.
struct SessionPast {
  bool has_snapshotted = false;
  bool has_streamed = false;
  // A stream in binary met a type that has to be read in text. It is still in the log, perhaps in
  // no table any more: for as long as the process lives the stream is text.
  bool needs_text = false;
  // OIDs of captured tables that were not published when it came to them: the stream need not have
  // what is in them, also when the start that published them has failed.
  std::set<uint32_t> published_late;
};

// Makes what is missing: publication before slot, for a slot decodes with the catalogue as of its
// own start. Writes down in `past` what it publishes.
Result<Session> open_session(const PostgresConfig& config, const TableFilter& filter,
                             std::span<const BranchProgress> branches, SessionPast& past);

// Another one than Session::replication, for a slot of its own.
Result<postgres::Connection> open_replication_connection(const PostgresConfig& config);

}  // namespace millrace
