// A mirror's table in DuckDB, kept in step with its source's schema:
//   column added     added; the rows that are there get what the server gives them (attmissingval)
//   column dropped   kept, NULL in new rows; it gives its name up when the source uses that again
//   column renamed   renamed (known by its attnum)
//   type changed     widened (int4 → int8, numeric(8,2) → numeric(10,2), …), else it becomes
//                    VARCHAR; never narrowed. Stored values are cast; a warning says where the
//                    server may have written others, which the stream does not bring
// No key and no NOT NULL: an index would cost more than MERGE's scan, and rows that a truncate or a
// dropped column leaves behind may be NULL.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "event/position.h"
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
  StorageType source;  // what the source's type would be stored as by itself
};

class TargetTable {
 public:
  explicit TargetTable(TargetName name) : name_(std::move(name)) {}

  const TargetName& name() const { return name_; }

  // Reads what is there: the table's columns and which source column each is. Error: only DuckDB's.
  Result<void> read(Connection& connection, Bookkeeping& bookkeeping);

  // Makes or alters the table so that it can hold rows of `schema`, of which `at` is the first; a
  // transaction of its own. True when it changed. Error: kConfig when the table is another source
  // table's.
  Result<bool> fit(Connection& connection, Bookkeeping& bookkeeping, const TableSchema& schema,
                   Lsn at);

  // Where the columns of a schema are stored, now; also of one that an older fit() was for. A
  // column that is stored nowhere is left out.
  std::vector<TargetColumn> columns_of(const TableSchema& schema) const;

 private:
  struct Stored {
    std::string name;
    StorageType type;
    bool has_default = false;
  };

  // What fit() is about. The functions that take it give whether something changed.
  struct Fitting {
    Connection& connection;
    const TableSchema& schema;
    Lsn at = 0;
    int16_t attnum_before =
        0;  // the highest that the source table had at the fit before; 0 = unknown
    bool is_rewritten = true;  // the server may have written all rows anew since
  };

  Result<bool> fit_now(Bookkeeping& bookkeeping, Fitting& fitting);
  Result<bool> fit_source(Bookkeeping& bookkeeping, Fitting& fitting) const;
  Result<bool> create(const Fitting& fitting);
  Result<bool> alter(const Fitting& fitting);
  Result<bool> rename_columns(const Fitting& fitting);
  Result<bool> fit_column(const Fitting& fitting, const Column& column);
  Result<bool> fit_known(const Fitting& fitting, const Column& column, KnownColumn& known);
  Result<bool> widen(const Fitting& fitting, const Column& column, const KnownColumn& known);
  Result<void> add_column(const Fitting& fitting, const Column& column, KnownColumn& known);
  Result<std::optional<std::string>> value_of_old_rows(const Fitting& fitting,
                                                       const Column& column) const;
  Result<bool> drop_defaults(const Fitting& fitting);
  Result<void> rename(Connection& connection, KnownColumn& known, const std::string& name);
  // A name for a column of the source; a column that the source has dropped makes room for it.
  Result<std::string> free_for(const Fitting& fitting, const std::string& name);
  std::string free_now(const std::string& name) const;
  Result<void> run(Connection& connection, const std::string& alteration) const;

  // Places in stored_ and known_; their size when there is none.
  size_t stored_at(std::string_view name) const;
  size_t owner_of(std::string_view target) const;
  size_t known_at(const TableSchema& schema, const Column& column) const;
  bool is_used(const TableSchema& schema, size_t known) const;

  const TargetName name_;
  bool is_read_ = false;
  std::vector<Stored> stored_;      // the table's columns; empty: there is no table yet
  std::vector<KnownColumn> known_;  // which source column each was; only grows
  // By version of the schemas that it fits: where in known_ each column is.
  std::map<uint64_t, std::vector<size_t>> places_;
};

}  // namespace millrace::duckdb
