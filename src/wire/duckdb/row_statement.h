// A branch's SQL: one SELECT over the relation `changes`, row by row. It is checked on DuckDB's own
// syntax tree, then rewritten so that it reads from a relation of ours and tells for each output
// row which change it came from.
//
// Allowed: projection, WHERE, joins of `changes` to other tables (on a side that a join keeps or
// drops whole rows of, never fills up), subqueries over other tables. Refused, each by name:
// aggregates, window functions, GROUP BY, HAVING, QUALIFY, DISTINCT, ORDER BY, LIMIT, samples,
// UNION and the like, `changes` inside a subquery or used twice.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "wire/duckdb/changes_relation.h"
#include "wire/duckdb/database.h"

namespace millrace::duckdb {

// Checks a statement without a table: its syntax and its shape. Errors: kConfig.
Result<void> check_row_statement(Connection& connection, const std::string& sql);

// Whether a statement gives columns of these names (or a star, which brings all of `changes`), as
// far as its text tells.
Result<bool> gives_columns(Connection& connection, const std::string& sql,
                           const std::vector<std::string>& names);

// A statement bound to one version of one table. Belongs to its connection's thread.
class RowStatement {
 public:
  // Errors: kConfig with DuckDB's sentence (an unknown column or table, a type that does not fit).
  static Result<RowStatement> make(Connection& connection, const std::string& sql, SchemaPtr table);

  ~RowStatement();
  RowStatement(RowStatement&& other) noexcept;
  RowStatement& operator=(RowStatement&&) = delete;
  RowStatement(const RowStatement&) = delete;
  RowStatement& operator=(const RowStatement&) = delete;

  // Names of the output columns, as the statement gives them.
  const std::vector<std::string>& columns() const { return columns_; }

  // Their types in DuckDB.
  const std::vector<StorageType>& types() const { return types_; }

  // SELECT of the output columns, in the order of the changes; kText: each as PostgreSQL writes its
  // type in text (a type that PostgreSQL has not: as DuckDB does), and the number of the change
  // (BIGINT) as last column.
  enum class Shape : uint8_t { kPlain, kText };
  std::string select(Shape shape) const;

  ChangesRelation& changes() { return *relation_; }

 private:
  RowStatement() = default;

  std::shared_ptr<Database> database_;
  std::shared_ptr<ChangesRelation> relation_;
  int64_t id_ = 0;
  std::string inner_;
  bool keeps_order_ = false;
  std::vector<std::string> columns_;
  std::vector<StorageType> types_;
};

}  // namespace millrace::duckdb
