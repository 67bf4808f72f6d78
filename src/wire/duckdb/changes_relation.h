// The relation `changes` of a branch's SQL: the row changes of one table in one batch.
//
//   op           VARCHAR      c u d r (and t, where truncates are asked for: all rows of the table
//   are gone) ts           TIMESTAMP    commit time, UTC (r: when the snapshot was taken) lsn, seq
//   BIGINT       of the event: its LSN, and its ordinal in its transaction; together an identity
//   schema_name, table_name   VARCHAR
//   before       STRUCT       the old row; NULL where the server did not send one. Under another
//   replica
//                             identity than FULL only the key's columns are known, the others are
//                             NULL
//   after        STRUCT       the new row; NULL of a delete
//   row          STRUCT       after, or before of a delete
//   unavailable  VARCHAR[]    columns of `after` that the update did not touch and whose value was
//   not sent
//                             (TOAST): they are NULL in after and row
//   millrace_row BIGINT       which change of those given it is; for ordering, hidden from users
#pragma once

#include <span>
#include <vector>

#include "event/batch.h"
#include "wire/duckdb/row_source.h"
#include "wire/duckdb/table_columns.h"

namespace millrace::duckdb {

inline constexpr const char* kOrderColumn = "millrace_row";

class ChangesRelation final : public RowSource {
 public:
  explicit ChangesRelation(SchemaPtr table);

  // What the next statement sees; the changes outlive it. A change that cannot be stored is left
  // out of the relation and added to `refused` (once).
  void set(std::vector<const Change*> changes, std::vector<Refusal>* refused);

  const Change& change(int64_t row) const { return *changes_[static_cast<size_t>(row)]; }

  const TableSchema& table() const { return *table_; }

  std::vector<RowColumn> columns(const Api& api) const override;
  uint64_t fill(const Api& api, ChunkHandle chunk, uint64_t capacity, RowCursor& cursor) override;

 private:
  SchemaPtr table_;
  std::vector<StoredColumn> stored_;
  std::vector<const Change*> changes_;
  std::vector<Refusal>* refused_ = nullptr;
};

}  // namespace millrace::duckdb
