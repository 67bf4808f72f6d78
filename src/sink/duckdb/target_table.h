// A mirror's table in DuckDB, kept in step with its source's schema:
//   column added     added; where the source's default is a literal, the rows that are there get it
//   column dropped   kept, NULL in new rows
//   column renamed   renamed (known by its attnum)
//   type changed     widened (int4 → int8, numeric(8,2) → numeric(10,2), …), else it becomes
//   VARCHAR; never narrowed
// No key and no NOT NULL: an index would cost more than MERGE's scan, and rows that a truncate or a
// dropped column leaves behind may be NULL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sink/duckdb/bookkeeping.h"
#include "sink/duckdb/change_writer.h"
#include "wire/duckdb/database.h"
#include "wire/duckdb/table_columns.h"

namespace millrace::duckdb {

// A column of the source and where it is stored.
struct TargetColumn {
  uint16_t index = 0;  // in TableSchema::columns
  std::string name;    // in DuckDB
  StorageType type;    // in DuckDB, at least as wide as the source's
};

class TargetTable {
 public:
  explicit TargetTable(TargetName name) : name_(std::move(name)) {}

  const TargetName& name() const { return name_; }

  // Reads what is there: the table's columns and which source column each is. Error: only DuckDB's.
  Result<void> read(Connection& connection, Bookkeeping& bookkeeping);

  // Makes or alters the table so that it can hold rows of `schema`; a transaction of its own. True
  // when it changed.
  Result<bool> fit(Connection& connection, Bookkeeping& bookkeeping, const TableSchema& schema);

  // Where the columns of a schema are stored, now. A column that is stored nowhere is left out
  // (dropped and then its table's other version came late).
  std::vector<TargetColumn> columns_of(const TableSchema& schema) const;

 private:
  struct Stored {
    std::string name;
    StorageType type;
    bool has_default = false;
  };

  Result<bool> fit_now(Connection& connection, Bookkeeping& bookkeeping, const TableSchema& schema);
  Result<bool> create(Connection& connection, const TableSchema& schema);
  Result<bool> alter(Connection& connection, const TableSchema& schema);
  // These give whether something changed.
  Result<bool> rename_column(Connection& connection, const Column& column, KnownColumn& known);
  Result<bool> widen_column(Connection& connection, const Column& column, const KnownColumn& known);
  Result<bool> fit_column(Connection& connection, const TableSchema& schema, const Column& column);
  Result<void> add_column(Connection& connection, const Column& column, KnownColumn& known);
  Result<bool> drop_defaults(Connection& connection, const TableSchema& schema);
  // Places in stored_ and known_; their size when there is none.
  size_t stored_at(std::string_view name) const;
  size_t known_at(const TableSchema& schema, const Column& column) const;

  const TargetName name_;
  bool is_read_ = false;
  std::vector<Stored> stored_;      // the table's columns; empty: there is no table yet
  std::vector<KnownColumn> known_;  // which source column each was
};

// The text of a default that is a literal: 5, -1.5, true, 'it''s'::text; nullopt for all others.
std::optional<std::string> literal_default(const Column& column);

}  // namespace millrace::duckdb
