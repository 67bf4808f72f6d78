// For tests: the library, tables and changes made of text.
#pragma once

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event/batch.h"

namespace millrace::duckdb {

// Lets load_api() find the library that scripts/setup fetched, unless the environment names
// another.
inline void find_test_library() {
  const auto root = std::filesystem::path(__FILE__).parent_path() / "../../..";
  setenv("MILLRACE_DUCKDB_LIBRARY", (root / ".deps/duckdb/libduckdb.so").lexically_normal().c_str(),
         0);
}

inline Column test_column(std::string name, PgType type, int32_t typmod = -1,
                          bool identity = false) {
  Column column;
  column.name = std::move(name);
  column.type.type = type;
  column.type.typmod = typmod;
  column.identity = identity;
  return column;
}

// numeric(p,s)
inline int32_t numeric_typmod(int precision, int scale) {
  return (precision << 16 | scale) + 4;
}

inline std::shared_ptr<TableSchema> test_table(
    std::string name, std::vector<Column> columns, std::vector<uint16_t> key,
    ReplicaIdentity identity = ReplicaIdentity::kDefault) {
  auto table = std::make_shared<TableSchema>();
  table->schema = "public";
  table->name = std::move(name);
  table->columns = std::move(columns);
  table->primary_key = key;
  for (uint16_t i : key)
    table->columns[i].identity = true;
  table->key = std::move(key);
  table->identity = identity;
  table->version = next_schema_version();
  for (size_t i = 0; i < table->columns.size(); ++i) {
    table->columns[i].attnum = static_cast<int16_t>(i + 1);
  }
  return table;
}

// nullopt = NULL; "\1" = an unchanged TOAST value; "\2" = not sent.
using TestRow = std::vector<std::optional<std::string>>;

inline constexpr const char* kUnchangedValue = "\1";
inline constexpr const char* kAbsentValue = "\2";

// A batch in the making. Each change is a transaction of its own.
class TestBatch {
 public:
  explicit TestBatch(uint64_t seq = 1, Lsn lsn = 100)
      : batch_(std::make_shared<Batch>(nullptr)), lsn_(lsn) {
    batch_->seq = seq;
  }

  Batch& batch() { return *batch_; }

  Change& add(Op op, const SchemaPtr& table, const std::optional<TestRow>& before,
              const std::optional<TestRow>& after, TupleKind before_kind = TupleKind::kFull) {
    batch_->schemas.push_back(table);
    Change change;
    change.op = op;
    change.table = table.get();
    if (before) change.before = tuple(*before, before_kind);
    if (after) change.after = tuple(*after, TupleKind::kFull);
    lsn_ += 8;
    change.lsn = lsn_;
    change.position = {lsn_ + 4, 1};
    change.commit_us = 1'700'000'000'000'000 + static_cast<int64_t>(lsn_);
    batch_->changes.push_back(change);
    batch_->offset.position = change.position;
    batch_->offset.lsn = change.lsn;
    return batch_->changes.back();
  }

  Change& insert(const SchemaPtr& table, const TestRow& row) {
    return add(Op::kCreate, table, std::nullopt, row);
  }

  BatchView view() const {
    BatchView out;
    out.batch = batch_;
    out.changes = batch_->changes;
    return out;
  }

 private:
  Tuple tuple(const TestRow& row, TupleKind kind) {
    auto* values = batch_->arena.allocate_array<Datum>(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      values[i] = Datum{};
      if (!row[i]) continue;
      const std::string_view text = batch_->arena.copy(*row[i]);
      DatumKind datum = DatumKind::kText;
      if (text == kUnchangedValue) datum = DatumKind::kUnchanged;
      if (text == kAbsentValue) datum = DatumKind::kAbsent;
      values[i] = Datum{text.data(), static_cast<uint32_t>(text.size()), datum};
    }
    return Tuple{values, static_cast<uint16_t>(row.size()), kind};
  }

  std::shared_ptr<Batch> batch_;
  Lsn lsn_;
};

}  // namespace millrace::duckdb
