// The rows of tables as of one instant, as changes with op kRead: COPY … TO STDOUT of one table
// after the other, in the order of their names, in one transaction. Each table is a stream of its
// own
// ("table:OID"), for it is complete on its own.
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
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "event/batch.h"
#include "source/postgres/copy_plan.h"
#include "source/postgres/postgres_config.h"
#include "source/postgres/start_plan.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct SnapshotTable {
  SchemaPtr schema;
  TableRead read;
};

struct SnapshotRequest {
  postgres::ConnectOptions connect;
  std::string snapshot_name;          // as exported; empty: a transaction of its own
  std::vector<SnapshotTable> tables;  // in the order in which they are read
  Offset at;           // lsn: the snapshot's (0: ask the server); system_id and timeline are kept
  uint64_t whole = 0;  // the branches that have a place in the stream once all is read
  MemoryBudget* budget = nullptr;  // outlives all batches
  size_t batch_bytes = 1 << 20;    // a batch ends with the row that reaches it
};

class SnapshotReader {
 public:
  static Result<std::unique_ptr<SnapshotReader>> open(SnapshotRequest request,
                                                      const PostgresConfig& config);

  // The next batch; null when none was complete before the deadline.
  // The last one of a table (also of no rows at all) has SnapshotPhase::kCompleted, and so
  // has the one of stream "snapshot" that ends all. Not to be called when finished().
  Result<std::shared_ptr<Batch>> next(SteadyTime deadline);

  bool finished() const { return finished_ && ready_.empty(); }

  uint64_t rows() const { return rows_; }

  // When the server sent something last, and which of its processes does.
  SteadyTime heard() const { return connection_.heard(); }

  int backend_pid() const { return connection_.backend_pid(); }

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
  Result<void> add_row(std::string_view row);
  Result<Tuple> read_row(std::string_view row, Batch& batch) const;
  Result<void> end_table();
  void complete_table(const SnapshotTable& table);
  void give_out(std::deque<std::shared_ptr<Batch>>& batches);
  Result<void> finish();
  std::vector<SchemaPtr> schemas() const;
  std::shared_ptr<Batch> new_batch(const SnapshotTable& table);
  std::shared_ptr<Batch> seal(std::shared_ptr<Batch> batch);

  SnapshotRequest request_;
  const PostgresConfig config_;
  postgres::Connection connection_;
  Offset at_;
  size_t next_table_ = 0;
  size_t tables_read_ = 0;                // and being read
  const SnapshotTable* table_ = nullptr;  // that is being read; null: between two tables
  CopyPlan plan_;
  uint64_t rows_in_table_ = 0;
  uint64_t rows_ = 0;
  std::shared_ptr<Batch> batch_;  // its last change is the row that is held back
  size_t batch_bytes_ = 0;
  bool any_sealed_ = false;                   // of table_
  std::deque<std::shared_ptr<Batch>> ended_;  // of tables without rows since the row held back
  std::deque<std::shared_ptr<Batch>> ready_;  // to be given
  bool finished_ = false;
};

}  // namespace millrace
