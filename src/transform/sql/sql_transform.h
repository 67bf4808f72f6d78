// SQL as a transform, for sinks that are no DuckDB: each change becomes the rows that the branch's
// statement makes of it, in the order of the changes.
// Kept tables can be joined where the transform works on the warehouse file that another branch
// keeps; without a file it works in memory.
//
// An output row is a Change: op c; after = the output columns as text, as PostgreSQL writes them;
// table = a schema of the output columns under the source table's name; position, LSN, xid and
// times of the change that it came from. A change of a table that no statement is for, and one that
// is no row change, is left out.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_budget.h"
#include "config/field.h"
#include "event/refuse_change.h"
#include "transform/transform.h"

namespace millrace {

struct SqlTransformOptions {
  // {regex on schema.table, SQL}; a regex "" is every table. The first that fits counts.
  std::vector<std::pair<std::string, std::string>> statements;
  std::string file;  // the warehouse; "" = a database in memory
  int64_t memory_max_bytes = int64_t{256} << 20;
  int64_t threads = 1;
  bool needs_identity = false;  // the sink needs output columns lsn and seq
  MemoryBudget* budget = nullptr;
  // A change whose values DuckDB cannot hold or the statement cannot compute. Empty: it is an
  // error.
  RefuseChange refuse;
};

// Opens the file and checks the statements as far as that goes without a table.
Result<std::unique_ptr<Transform>> make_sql_transform(SqlTransformOptions options);

// What can be said of the statements: their form, and, for each table of `tables` that one is for,
// their names and types. A kept table that is not there yet is a warning: its branch makes it.
Problems check_sql(const SqlTransformOptions& options, std::span<const SchemaPtr> tables);

}  // namespace millrace
