#include "sink/duckdb/net_rows.h"

#include <algorithm>

#include "wire/duckdb/value_writer.h"

namespace millrace::duckdb {

namespace {

constexpr Datum kNoValue;

}  // namespace

NetRows::NetRows(SchemaPtr schema, std::vector<TargetColumn> columns,
                 const std::vector<uint16_t>& key)
    : schema_(std::move(schema)), columns_(std::move(columns)), is_key_(columns_.size()) {
  for (uint16_t index : key) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].index != index) continue;
      key_.push_back(i);
      is_key_[i] = true;
    }
  }
}

void NetRows::set(std::vector<ServedRow> rows, std::vector<Refusal>* refused) {
  rows_ = std::move(rows);
  refused_ = refused;
}

std::vector<RowColumn> NetRows::columns(const Api& api) const {
  std::vector<RowColumn> out;
  out.reserve(columns_.size() + key_.size() + 2);
  for (size_t i = 0; i < columns_.size(); ++i) {
    out.push_back({"c" + std::to_string(i), logical_type(api, columns_[i].type)});
  }
  for (size_t i = 0; i < key_.size(); ++i) {
    out.push_back({"o" + std::to_string(i), logical_type(api, columns_[key_[i]].type)});
  }
  out.push_back({"gone", logical_type(api, {Storage::kBoolean})});
  out.push_back({"n", logical_type(api, {Storage::kBigint})});
  return out;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one row after the other
uint64_t NetRows::fill(const Api& api, ChunkHandle chunk, uint64_t capacity, RowCursor& cursor) {
  if (cursor.next >= rows_.size()) return 0;
  std::vector<Slots> slots;
  const size_t width = columns_.size() + key_.size();
  slots.reserve(width + 2);
  for (size_t i = 0; i < width + 2; ++i) {
    slots.emplace_back(api, api.data_chunk_get_vector(chunk, i));
  }
  uint64_t rows = 0;
  for (; rows < capacity && cursor.next < rows_.size(); ++cursor.next) {
    const ServedRow& row = rows_[cursor.next];
    const char* reason = nullptr;
    size_t i = 0;
    for (; i < width && reason == nullptr; ++i) {
      const bool is_old = i >= columns_.size();
      const TargetColumn& column = columns_[is_old ? key_[i - columns_.size()] : i];
      const bool is_hidden = is_old ? row.old_values == nullptr : row.is_key_only && !is_key_[i];
      const Datum* values = is_old ? row.old_values : row.values;
      reason = write_datum(slots[i], rows, column.type, column.source,
                           is_hidden ? kNoValue : values[column.index]);
      if (reason == nullptr) continue;
      for (Slots& slot : slots)
        slot.set_valid(rows);
      refused_->push_back(
          {row.change, refusal_error(*row.change, schema_->columns[column.index], reason)});
    }
    if (reason != nullptr) continue;
    slots[width].set(rows, row.is_gone);
    slots[width + 1].set(rows, row.count);
    ++rows;
  }
  return rows;
}

}  // namespace millrace::duckdb
