// The rows of the captured tables as of one instant, as changes with op kRead: COPY … TO STDOUT of
// one table after the other, in the order of their names, in one transaction.
//
// The transaction imports the snapshot that CREATE_REPLICATION_SLOT exported (then what the slot
// gives afterwards joins without gap or duplicate), else it has snapshot.isolation.mode, and
// streaming from a slot that is older repeats what was changed between. An imported snapshot may be
// let go by its maker once open() is back.
//
// One row is held back, for the last one of all says so in its marker. Used by one thread; memory
// is one batch, plus the row that comes after it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "event/batch.h"
#include "source/postgres/copy_plan.h"
#include "source/postgres/postgres_config.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct SnapshotRequest {
  postgres::ConnectOptions connect;
  std::string snapshot_name;      // as exported; empty: a transaction of its own
  std::vector<SchemaPtr> tables;  // captured; snapshot.include.collection.list is applied here
  Offset at;  // lsn: the snapshot's (0: ask the server); system_id and timeline are kept
  uint64_t audience = ~uint64_t{0};
  MemoryBudget* budget = nullptr;  // outlives all batches
  size_t batch_bytes = 1 << 20;    // a batch ends with the row that reaches it
};

class SnapshotReader {
 public:
  static Result<std::unique_ptr<SnapshotReader>> open(SnapshotRequest request,
                                                      const PostgresConfig& config);

  // The next batch; null when none was complete before the deadline. Ask MemoryBudget::over()
  // before. The last one (also of no rows at all) has SnapshotPhase::kCompleted. Not to be called
  // when finished().
  Result<std::shared_ptr<Batch>> next(SteadyTime deadline);

  bool finished() const { return finished_; }

  uint64_t rows() const { return rows_; }

  // That is being read; empty before the first and after the last.
  std::string table() const;

  // Of the snapshot: what its batches' offsets have.
  const Offset& offset() const { return at_; }

 private:
  SnapshotReader(SnapshotRequest request, const PostgresConfig& config,
                 postgres::Connection connection);
  Result<void> begin();
  Result<void> lock_tables();
  Result<void> begin_table();
  Error explained(Error error, const TableSchema& table) const;
  Result<std::shared_ptr<Batch>> add_row(std::string_view row);
  Result<Tuple> read_row(std::string_view row, Batch& batch) const;
  void end_table();
  Result<std::shared_ptr<Batch>> finish();
  void add_all_schemas(Batch& batch) const;
  std::shared_ptr<Batch> seal(std::shared_ptr<Batch> batch, SnapshotPhase phase);

  SnapshotRequest request_;
  const PostgresConfig config_;
  postgres::Connection connection_;
  Offset at_;
  size_t next_table_ = 0;
  SchemaPtr table_;  // null: between two tables
  CopyPlan plan_;
  uint64_t rows_in_table_ = 0;
  uint64_t rows_ = 0;
  std::shared_ptr<Batch> batch_;  // its last change is the row that is held back
  size_t batch_bytes_ = 0;
  bool any_sealed_ = false;
  bool finished_ = false;
};

}  // namespace millrace
