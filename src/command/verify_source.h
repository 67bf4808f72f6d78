// The source as of an instant whose LSN is known, and its rows as a relation in DuckDB.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sink/duckdb/target_table.h"
#include "source/postgres/slot.h"
#include "source/postgres/snapshot.h"
#include "wire/duckdb/row_source.h"
#include "wire/duckdb/value_writer.h"

namespace millrace {

// A temporary slot's exported snapshot: it has all that commits before lsn() and nothing else.
// Lives as long as the object; the server keeps old row versions for it.
class SourceSnapshot {
 public:
  static Result<SourceSnapshot> take(const PostgresConfig& config);

  Lsn lsn() const { return slot_.consistent_point; }

  // Reads one table, all of it or what `select` gives (columns by their names in `table`).
  Result<std::unique_ptr<SnapshotReader>> read(const PostgresConfig& config, SchemaPtr table,
                                               const std::optional<std::string>& select) const;

 private:
  SourceSnapshot(postgres::Connection keeper, NewSlot slot)
      : keeper_(std::move(keeper)), slot_(std::move(slot)) {}

  postgres::Connection keeper_;  // silent: a command would end the snapshot
  NewSlot slot_;
};

// An error ends what is going on.
using GoOn = std::function<Result<void>()>;

// The schema with the columns behind it that tell whether a row is still the same version: xmin,
// and ctid and tableoid where no key tells rows apart.
SchemaPtr with_version(const TableSchema& table, bool has_key);

// The statement for read() that gives the rows of some keys: the values of the key's columns
// (indices in `table`) as PostgreSQL writes them.
std::string select_rows(const TableSchema& table, const std::vector<uint16_t>& key_columns,
                        const std::vector<std::vector<std::string>>& keys);

// millrace_rows(n) of what a SnapshotReader gives: c0, c1, … in the target's types, and v, the
// row's version (BLOB: as the server sent it, text or binary). A row that the target cannot hold is
// left out and counted.
class SourceRows final : public duckdb::RowSource {
 public:
  // The reader reads with_version(); `columns` are the target's.
  SourceRows(std::unique_ptr<SnapshotReader> reader, std::vector<duckdb::TargetColumn> columns,
             size_t version_from, GoOn go_on)
      : reader_(std::move(reader)),
        columns_(std::move(columns)),
        version_from_(version_from),
        go_on_(std::move(go_on)) {}

  std::vector<duckdb::RowColumn> columns(const duckdb::Api& api) const override;
  uint64_t fill(const duckdb::Api& api, duckdb::ChunkHandle chunk, uint64_t capacity,
                duckdb::RowCursor& cursor) override;

  uint64_t refused() const { return refused_; }

  // What ended the reading too early; DuckDB only sees fewer rows.
  const std::optional<Error>& error() const { return error_; }

 private:
  const Change* next_change();
  bool write(std::vector<duckdb::Slots>& slots, uint64_t row, const Change& change);

  std::unique_ptr<SnapshotReader> reader_;
  const std::vector<duckdb::TargetColumn> columns_;
  const size_t version_from_;  // index in the schema of the first version column
  const GoOn go_on_;
  std::shared_ptr<Batch> batch_;
  size_t at_ = 0;
  uint64_t refused_ = 0;
  std::optional<Error> error_;
};

// The next batch of a table, null at its end.
Result<std::shared_ptr<Batch>> next_batch(SnapshotReader& reader, const GoOn& go_on);

// Fills the temporary table `name` with the rows of a source; returns how many rows it could not
// hold.
Result<uint64_t> load_rows(duckdb::Connection& warehouse, const std::string& name,
                           const std::shared_ptr<SourceRows>& rows);

}  // namespace millrace
