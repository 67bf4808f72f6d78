// One table of a history against its source: what the branch's sql makes of each current row must
// be in the history, at least as often as at the source. Older rows are not looked at.
//
// A row's place in the stream is not known here, so output columns that follow from it (op, ts,
// lsn, seq, before) are left out: those that differ when the same row is given as another change.
// Rows that come out of the sql only for some kinds of change are left out too.
#pragma once

#include <string>

#include "command/verify_report.h"
#include "command/verify_source.h"

namespace millrace {

struct HistoryCheck {
  SchemaPtr table;
  duckdb::TargetName target;
  std::optional<std::string> sql;  // of the branch; nullopt: the history has all columns
};

// Leaves temporary tables in `warehouse`. Error kNotFound: it cannot be compared, and why.
Result<VerifiedTable> check_history(duckdb::Connection& warehouse, const HistoryCheck& check,
                                    const PostgresConfig& config, const SourceSnapshot& snapshot,
                                    const GoOn& go_on);

}  // namespace millrace
