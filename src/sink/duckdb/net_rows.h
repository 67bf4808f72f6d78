// Rows of a TableNet as a relation for SQL: c0, c1, … (the stored columns, in their order), o0, o1,
// … (the key's old values, of a row that moves), gone BOOLEAN, n BIGINT (multiset: how many).
#pragma once

#include <vector>

#include "sink/duckdb/table_net.h"
#include "sink/duckdb/target_table.h"
#include "wire/duckdb/row_source.h"

namespace millrace::duckdb {

struct ServedRow {
  const Change* change = nullptr;
  const Datum* values = nullptr;
  const Datum* old_values = nullptr;  // of a row that moves
  bool is_gone = false;
  bool is_key_only = false;  // the other columns are NULL
  int64_t count = 1;
};

class NetRows final : public RowSource {
 public:
  // `columns` are stored; `key` are indices into the schema's columns.
  NetRows(SchemaPtr schema, std::vector<TargetColumn> columns, const std::vector<uint16_t>& key);

  // What the next statement sees. A row that cannot be stored is left out and added to `refused`.
  void set(std::vector<ServedRow> rows, std::vector<Refusal>* refused);

  const std::vector<TargetColumn>& stored() const { return columns_; }

  // Positions in stored().
  const std::vector<size_t>& key() const { return key_; }

  std::vector<RowColumn> columns(const Api& api) const override;
  uint64_t fill(const Api& api, ChunkHandle chunk, uint64_t capacity, RowCursor& cursor) override;

 private:
  SchemaPtr schema_;
  std::vector<TargetColumn> columns_;
  std::vector<size_t> key_;
  std::vector<bool> is_key_;
  std::vector<ServedRow> rows_;
  std::vector<Refusal>* refused_ = nullptr;
};

}  // namespace millrace::duckdb
