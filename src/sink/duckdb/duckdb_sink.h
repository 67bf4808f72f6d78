// The DuckDB warehouse as a sink: it takes changes and stores its progress in the same transaction,
// in the same file, so that each change is there exactly once (I6).
//
//   mirror    the current state of each table
//   history   every change: the output columns of the branch's sql, or all columns of the row and
//             op, lsn, seq, ts, deleted, unavailable
//   sql       as history; the branch must have sql
//
// Batches that are handed over within duckdb.flush.ms become one transaction; the first after a
// pause is committed at once. The schema _millrace of the file holds what we keep beside the data.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "config/field.h"
#include "config/pipeline_config.h"
#include "sink/duckdb/change_writer.h"
#include "sink/sink.h"

namespace millrace {

enum class DuckDbMode : uint8_t { kMirror, kHistory, kSql };

template <>
struct EnumNames<DuckDbMode> {
  static constexpr std::pair<std::string_view, DuckDbMode> values[] = {
      {"mirror", DuckDbMode::kMirror},
      {"history", DuckDbMode::kHistory},
      {"sql", DuckDbMode::kSql},
  };
};

struct DuckDbSinkConfig {
  std::string file;
  DuckDbMode mode = DuckDbMode::kMirror;
  std::string schema = "main";
  std::string table;
  Bytes memory_max{int64_t{256} << 20};
  int64_t threads = 1;
  int64_t flush_ms = 50;
  Bytes flush_bytes{int64_t{8} << 20};
};

inline constexpr FieldSpec kDuckDbSinkFields[] = {
    field<&DuckDbSinkConfig::file>(
        "duckdb.file",
        {.doc = "The database file. Branches that name the same file share one handle.",
         .required = true,
         .importance = Importance::kHigh}),
    field<&DuckDbSinkConfig::mode>("duckdb.mode",
                                   {.doc = "mirror: the current state of each table. history: "
                                           "every change ever. sql: the output of the "
                                           "branch's sql for every change.",
                                    .importance = Importance::kHigh}),
    field<&DuckDbSinkConfig::schema>(
        "duckdb.schema",
        {.doc = "DuckDB schema for the tables of PostgreSQL's schema public (and of history and "
                "sql); a mirror keeps other schemas under their own names."}),
    field<&DuckDbSinkConfig::table>(
        "duckdb.table",
        {.doc = "Name of the target table; ${schema} and ${table} stand for the source's. Default: "
                "${table} for mirror, ${table}_history else."}),
    field<&DuckDbSinkConfig::memory_max>(
        "duckdb.memory.max", {.doc = "Memory that DuckDB may use for this file, beside memory.max.",
                              .importance = Importance::kLow}),
    field<&DuckDbSinkConfig::threads>("duckdb.threads",
                                      {.doc = "Threads that DuckDB may use for one statement.",
                                       .importance = Importance::kLow,
                                       .check = at_least<1>}),
    field<&DuckDbSinkConfig::flush_ms>(
        "duckdb.flush.ms",
        {.doc = "Under load, batches of this many milliseconds become one transaction.",
         .importance = Importance::kLow,
         .check = at_least<0>}),
    field<&DuckDbSinkConfig::flush_bytes>(
        "duckdb.flush.bytes",
        {.doc = "A transaction is made sooner when the batches waiting for it hold more than this.",
         .importance = Importance::kLow}),
};

// `branch`: its tables and its sql. Nothing is opened yet.
std::unique_ptr<Sink> make_duckdb_sink(const DuckDbSinkConfig& config, const BranchConfig& branch,
                                       const SinkContext& context);

// What can be said before any change comes: the library, the file (version, lock, rights), the sql.
// Opens the file for a moment and makes it when it is not there. `captured`: the source's tables,
// whose names must not be one in DuckDB.
Problems check_duckdb_sink(const DuckDbSinkConfig& config, const BranchConfig& branch,
                           std::span<const TableSchema> captured);

// What the file holds of the branch's progress; changes nothing.
Result<std::optional<Progress>> stored_duckdb_progress(const DuckDbSinkConfig& config,
                                                       const SinkContext& context);

// Whether the branch's `tables` name it: regexes on schema.table as in table.include.list, of the
// whole name, without regard to case; none = all.
bool takes_table(const BranchConfig& branch, const TableSchema& table);

// A mode and a branch's sql that do not go together.
std::optional<Error> mode_error(const DuckDbSinkConfig& config, const BranchConfig& branch);

namespace duckdb {

// Where a mirror keeps its tables, and where any mode does.
TargetRule mirror_rule(const DuckDbSinkConfig& config);
TargetRule target_rule(const DuckDbSinkConfig& config);

}  // namespace duckdb

}  // namespace millrace
