// Rows of ours as a relation in DuckDB's SQL: `millrace_rows(7)` reads from the RowSource that is
// registered under 7, `millrace_asked_rows(7)` only those of its columns that the statement uses.
// No row is stored on the way: DuckDB pulls chunks, the source writes values into their vectors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "wire/duckdb/type_map.h"

namespace millrace::duckdb {

inline constexpr const char* kRowsFunction = "millrace_rows";
inline constexpr const char* kAskedRowsFunction = "millrace_asked_rows";

struct RowColumn {
  std::string name;
  LogicalType type;
};

// Where a statement stands in a RowSource.
struct RowCursor {
  uint64_t next = 0;  // row
  // What the vectors of a chunk are: indices into RowSource::columns(), all in their order for
  // millrace_rows. One beyond them is a column of DuckDB's own, which needs no value.
  std::vector<uint64_t> columns;
};

// One thread at a time: that of the statement that reads from it.
class RowSource {
 public:
  virtual ~RowSource() = default;

  // Constant over its life.
  virtual std::vector<RowColumn> columns(const Api& api) const = 0;

  // Writes rows from `cursor` on into `chunk`, at most `capacity`, and moves it. Returns how many;
  // 0 = no more.
  virtual uint64_t fill(const Api& api, ChunkHandle chunk, uint64_t capacity,
                        RowCursor& cursor) = 0;
};

// The registered sources of one database. Any thread. `chunk`s refer to it, so it outlives the
// database.
class RowSources {
 public:
  int64_t add(std::shared_ptr<RowSource> source);
  void remove(int64_t id);
  std::shared_ptr<RowSource> find(int64_t id) const;

 private:
  mutable std::mutex mutex_;
  int64_t last_id_ = 0;
  std::map<int64_t, std::shared_ptr<RowSource>> sources_;
};

// Makes both functions, of a BIGINT, known in the database of `connection`; once a database.
bool register_rows_functions(const Api& api, ConnectionHandle connection, RowSources* sources);

}  // namespace millrace::duckdb
