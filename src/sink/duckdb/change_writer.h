// One of the two ways to store changes: mirror or history. Driven by the sink, on its thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "event/batch.h"
#include "wire/duckdb/database.h"
#include "wire/duckdb/table_columns.h"

namespace millrace::duckdb {

class ChangeWriter {
 public:
  virtual ~ChangeWriter() = default;

  // Reads what is kept in the file; forgets what was added and not committed. Outside of a
  // transaction.
  virtual Result<void> open() = 0;

  // True when prepare() has nothing to do for this batch.
  virtual bool is_prepared(const BatchView& view) const = 0;

  // Makes or alters the tables that the batch needs. Outside of a transaction; repeatable.
  virtual Result<void> prepare(const BatchView& view) = 0;

  // The rest runs within the sink's transaction.

  // What unfinished snapshots left is void.
  virtual Result<void> forget_snapshots() = 0;

  // The snapshot of a table begins: what an unfinished one left is void, the table begins empty.
  virtual Result<void> begin_snapshot(const BatchView& view) = 0;

  // The snapshot of a table goes on, by key chunks: what is there of those that were not complete
  // (`unread`, by the numbers of Batch::chunk so far) comes again.
  virtual Result<void> resume_snapshot(const BatchView& view, const UnreadKeys& unread) = 0;

  // Changes of a batch in their order; those that cannot be stored are refused. What is added is in
  // the tables after execute().
  virtual Result<void> add(std::span<const Change> changes, const Batch& batch) = 0;
  virtual Result<void> execute() = 0;

  virtual Result<void> finish_snapshot(const BatchView& view) = 0;

  // The changes of add() that were left out, since the last call.
  virtual std::vector<Refusal> take_refused() = 0;
};

// Which DuckDB table a source table goes to.
struct TargetRule {
  std::string schema = "main";  // for PostgreSQL's schema public, and for all where is_one_schema
  std::string table;            // "${table}_history"
  bool is_one_schema = false;
};

struct TargetName {
  std::string schema;
  std::string table;

  // Quoted, for SQL: "main"."inventory".
  std::string sql() const;

  // Unquoted, for people: main.inventory.
  std::string text() const { return schema + "." + table; }
};

TargetName target_name(const TargetRule& rule, const TableSchema& table);

// Whether the table is there. Error: kConfig when one is there whose name differs in case alone,
// for to DuckDB that is the same name.
Result<bool> table_exists(Connection& connection, const TargetName& name);

}  // namespace millrace::duckdb
