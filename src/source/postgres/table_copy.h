// One connection of a snapshot: reads a table, or a chunk of one, as batches. Used by one thread.
//
// A batch has no positions and no markers of first and last yet: they are of the whole snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/batch.h"
#include "source/postgres/copy_plan.h"
#include "source/postgres/postgres_config.h"
#include "wire/postgres/connection.h"

namespace millrace {

class TableCopy {
 public:
  struct Rows {
    SchemaPtr schema;
    CopyPlan plan;
    Offset at;  // of the snapshot
    std::function<std::shared_ptr<Batch>()> new_batch;
    size_t batch_bytes = 0;
  };

  enum class Step : uint8_t { kNothing, kBatch, kEnd };

  explicit TableCopy(postgres::Connection connection) : connection_(std::move(connection)) {}

  postgres::Connection& connection() { return connection_; }

  const postgres::Connection& connection() const { return connection_; }

  Result<void> begin(Rows rows);

  // Reads until a batch is full (kBatch), the end (kEnd), or the deadline. With a deadline in the
  // past: what has come already.
  Result<Step> read(SteadyTime deadline);

  // What was read since the last one; null when there is none.
  std::shared_ptr<Batch> take_batch();

  // Since begin().
  uint64_t rows() const { return rows_in_table_; }

  // Since the last call.
  uint64_t take_bytes() { return std::exchange(bytes_, 0); }

 private:
  Result<void> add_row(std::string_view row);
  Result<Tuple> read_row(std::string_view row, Batch& batch) const;
  // False: the row is not what was asked for.
  bool read_text(std::string_view row, Datum* values, Arena& arena) const;
  bool read_binary(std::string_view row, Datum* values, Arena& arena) const;

  postgres::Connection connection_;
  Rows rows_;
  CopyPlan plan_;
  SchemaPtr table_;
  uint64_t rows_in_table_ = 0;
  uint64_t bytes_ = 0;
  std::shared_ptr<Batch> batch_;
  size_t batch_bytes_ = 0;
};

}  // namespace millrace
