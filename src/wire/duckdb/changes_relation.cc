#include "wire/duckdb/changes_relation.h"

#include <algorithm>
#include <array>
#include <optional>

#include "wire/duckdb/value_writer.h"

namespace millrace::duckdb {

namespace {

enum ColumnAt : uint64_t {
  kOp,
  kTs,
  kLsn,
  kSeq,
  kSchemaName,
  kTableName,
  kBefore,
  kAfter,
  kRow,
  kUnavailable,
  kOrder,
  kColumns,
};

// duckdb_list_entry
struct ListEntry {
  uint64_t offset;
  uint64_t length;
};

struct Fault {
  const StoredColumn* column = nullptr;
  const char* reason = nullptr;
};

class StructSlots {
 public:
  StructSlots(const Api& api, VectorHandle vector, size_t members) : self_(api, vector) {
    for (size_t i = 0; i < members; ++i) {
      members_.emplace_back(api, api.struct_vector_get_child(vector, i));
    }
  }

  // A member of a NULL struct is NULL too: DuckDB reads it without asking the struct.
  void set_null(uint64_t at) {
    self_.set_null(at);
    for (Slots& member : members_)
      member.set_null(at);
  }

  void set_valid(uint64_t at) {
    self_.set_valid(at);
    for (Slots& member : members_)
      member.set_valid(at);
  }

  Slots& member(size_t i) { return members_[i]; }

 private:
  Slots self_;
  std::vector<Slots> members_;
};

// The vectors of one chunk of the relation: those that the statement uses, for to write a value
// takes longer than all else.
class ChangeChunk {
 public:
  ChangeChunk(const Api& api, ChunkHandle chunk, const std::vector<StoredColumn>& stored,
              const std::vector<uint64_t>& columns)
      : api_(api), stored_(stored) {
    for (uint64_t i = 0; i < columns.size(); ++i) {
      const uint64_t column = columns[i];
      if (column >= kColumns) continue;
      const VectorHandle vector = api.data_chunk_get_vector(chunk, i);
      if (column >= kBefore && column <= kRow) {
        images_[column - kBefore].emplace(api, vector, stored.size());
      } else {
        plain_[column].emplace(api, vector);
      }
      if (column == kUnavailable) list_ = vector;
    }
  }

  Fault write(uint64_t at, const Change& change, int64_t order) {
    const char op = static_cast<char>(change.op);
    set_bytes(kOp, at, {&op, 1});
    set(kTs, at, change.commit_us);
    set(kLsn, at, static_cast<int64_t>(change.lsn));
    set(kSeq, at, static_cast<int64_t>(change.position.ordinal));
    set_bytes(kSchemaName, at, change.table->schema);
    set_bytes(kTableName, at, change.table->name);
    set(kOrder, at, order);
    if (list_ != nullptr) write_unavailable(at, change);
    auto& [before, after, row] = images_;
    Fault fault;
    if (before) fault = write_before(*before, at, change);
    if (after && fault.reason == nullptr) fault = write_after(*after, at, change);
    if (row && fault.reason == nullptr) {
      fault = change.after ? write_after(*row, at, change) : write_before(*row, at, change);
    }
    return fault;
  }

  // Makes the slot of a refused row ready for the next one.
  void clear(uint64_t at) {
    for (auto& image : images_) {
      if (image) image->set_valid(at);
    }
  }

 private:
  template <class T>
  void set(ColumnAt column, uint64_t at, T value) {
    if (plain_[column]) plain_[column]->set(at, value);
  }

  void set_bytes(ColumnAt column, uint64_t at, std::string_view bytes) {
    if (plain_[column]) plain_[column]->set_bytes(at, bytes);
  }

  Fault write_before(StructSlots& image, uint64_t at, const Change& change) {
    if (!change.before) {
      image.set_null(at);
      return {};
    }
    for (size_t i = 0; i < stored_.size(); ++i) {
      const StoredColumn& column = stored_[i];
      const char* reason =
          write_datum(image.member(i), at, column.type, column.type, change.before[column.index]);
      if (reason != nullptr) return {&column, reason};
    }
    return {};
  }

  Fault write_after(StructSlots& image, uint64_t at, const Change& change) {
    if (!change.after) {
      image.set_null(at);
      return {};
    }
    for (size_t i = 0; i < stored_.size(); ++i) {
      const StoredColumn& column = stored_[i];
      const char* reason = write_datum(image.member(i), at, column.type, column.type,
                                       value_after(change, column.index));
      if (reason != nullptr) return {&column, reason};
    }
    return {};
  }

  void write_unavailable(uint64_t at, const Change& change) {
    const uint64_t offset = api_.list_vector_get_size(list_);
    uint64_t size = offset;
    for (const StoredColumn& column : stored_) {
      if (!change.after || value_after(change, column.index).kind != DatumKind::kUnchanged)
        continue;
      api_.list_vector_reserve(list_, size + 1);
      Slots(api_, api_.list_vector_get_child(list_)).set_bytes(size, column.name);
      ++size;
    }
    if (size > offset) api_.list_vector_set_size(list_, size);
    set(kUnavailable, at, ListEntry{offset, size - offset});
  }

  const Api& api_;
  const std::vector<StoredColumn>& stored_;
  std::array<std::optional<Slots>, kColumns> plain_;
  std::array<std::optional<StructSlots>, 3> images_;  // before, after, row
  VectorHandle list_ = nullptr;                       // unavailable
};

LogicalType row_type(const Api& api, const std::vector<StoredColumn>& stored) {
  std::vector<LogicalType> types;
  std::vector<TypeHandle> handles;
  std::vector<const char*> names;
  for (const StoredColumn& column : stored) {
    types.push_back(logical_type(api, column.type));
    handles.push_back(types.back().get());
    names.push_back(column.name.c_str());
  }
  return {api, api.create_struct_type(handles.data(), names.data(), stored.size())};
}

}  // namespace

ChangesRelation::ChangesRelation(SchemaPtr table)
    : table_(std::move(table)), stored_(stored_columns(*table_)) {}

void ChangesRelation::set(std::vector<const Change*> changes, std::vector<Refusal>* refused) {
  changes_ = std::move(changes);
  refused_ = refused;
}

std::vector<RowColumn> ChangesRelation::columns(const Api& api) const {
  const LogicalType varchar = logical_type(api, {Storage::kVarchar});
  std::vector<RowColumn> out;
  out.push_back({"op", logical_type(api, {Storage::kVarchar})});
  out.push_back({"ts", logical_type(api, {Storage::kTimestamp})});
  out.push_back({"lsn", logical_type(api, {Storage::kBigint})});
  out.push_back({"seq", logical_type(api, {Storage::kBigint})});
  out.push_back({"schema_name", logical_type(api, {Storage::kVarchar})});
  out.push_back({"table_name", logical_type(api, {Storage::kVarchar})});
  out.push_back({"before", row_type(api, stored_)});
  out.push_back({"after", row_type(api, stored_)});
  out.push_back({"row", row_type(api, stored_)});
  out.push_back({"unavailable", LogicalType(api, api.create_list_type(varchar.get()))});
  out.push_back({kOrderColumn, logical_type(api, {Storage::kBigint})});
  return out;
}

uint64_t ChangesRelation::fill(const Api& api, ChunkHandle chunk, uint64_t capacity,
                               RowCursor& cursor) {
  uint64_t& next = cursor.next;
  if (next >= changes_.size()) return 0;
  ChangeChunk out(api, chunk, stored_, cursor.columns);
  uint64_t rows = 0;
  for (; rows < capacity && next < changes_.size(); ++next) {
    const Change& change = *changes_[next];
    const Fault fault = out.write(rows, change, static_cast<int64_t>(next));
    if (fault.reason == nullptr) {
      ++rows;
      continue;
    }
    out.clear(rows);
    const Column& column = table_->columns[fault.column->index];
    const bool is_known = std::any_of(refused_->begin(), refused_->end(),
                                      [&](const Refusal& r) { return r.change == &change; });
    if (!is_known) refused_->push_back({&change, refusal_error(change, column, fault.reason)});
  }
  return rows;
}

}  // namespace millrace::duckdb
