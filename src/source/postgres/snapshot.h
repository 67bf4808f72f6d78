// The rows of tables as of one instant, as changes with op kRead: COPY … TO STDOUT of one table
// after the other, in the order of their names. Each table is a stream of its own ("table:OID"),
// for it is complete on its own. A large table with a key is read in chunks of it, of which each is
// complete on its own (table_key.h); the reader's progress says what is left (Offset::unread).
//
// The transaction imports the snapshot that CREATE_REPLICATION_SLOT exported (then what the slot
// gives afterwards joins without gap or duplicate), else it has snapshot.isolation.mode, and
// streaming from a slot that is older repeats what was changed between. An imported snapshot may be
// let go by its maker once open() is back. With snapshot.max.threads > 1 so many connections share
// the snapshot, and each reads a table or a chunk: then tables, and chunks of one, are mixed.
//
// The last batch of each table is held back, for the last row of a table and of all says so in its
// marker. Used by one thread, which waits for all connections at once; memory is two batches a
// connection.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "event/batch.h"
#include "source/postgres/key_chunks.h"
#include "source/postgres/postgres_config.h"
#include "source/postgres/start_plan.h"
#include "source/postgres/table_copy.h"
#include "source/postgres/table_key.h"
#include "source/source.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct SnapshotTable {
  SchemaPtr schema;
  TableRead read;
  std::vector<KeyChunk> chunks{};  // what is left of it; empty: all
};

struct SnapshotRequest {
  postgres::ConnectOptions connect;
  std::string snapshot_name;          // as exported; empty: a transaction of its own
  std::vector<SnapshotTable> tables;  // in the order in which they are read
  Offset at;  // lsn: the snapshot's (0: ask the server); system_id and timeline are kept
  bool beside_stream = false;      // which is to be read again from there, once all is complete
  uint64_t whole = 0;              // the branches that have a place in the stream once all is read
  MemoryBudget* budget = nullptr;  // outlives all batches
  size_t batch_bytes = 1 << 20;    // a batch ends with the row that reaches it
};

class SnapshotReader {
 public:
  static Result<std::unique_ptr<SnapshotReader>> open(SnapshotRequest request,
                                                      const PostgresConfig& config);

  // The next batch; null when none was complete before the deadline.
  // The last one of a table (also of no rows at all) has SnapshotPhase::kCompleted, and so
  // has the one of stream "snapshot" that ends all. Not to be called when finished(). Before an
  // error comes what is complete.
  Result<std::shared_ptr<Batch>> next(SteadyTime deadline);

  bool finished() const { return finished_ && ready_.empty(); }

  uint64_t rows() const { return rows_; }

  // Of those that are being read.
  std::vector<TableSnapshotStatus> tables() const;

  // Connections that wait for rows: which process of the server sends them, and when it last did.
  struct Waiting {
    int backend_pid;
    SteadyTime heard;
  };

  std::vector<Waiting> waiting() const;

  // That is being read, the first of them; empty before the first and after the last.
  std::string table() const;

  // Of the snapshot: what its batches' offsets have.
  const Offset& offset() const { return at_; }

 private:
  struct Table {
    const SnapshotTable* asked = nullptr;
    TableKey key;
    bool is_chunked = false;
    bool is_binary = false;
    size_t number = 0;             // of those that are read, from 1; 0: not begun
    std::vector<KeyChunk> chunks;  // not begun; vectors, for there may be thousands of tables
    std::vector<std::vector<std::vector<std::string>>> bounds;  // within each of them
    size_t reading = 0;                                         // connections
    bool finds_bounds = false;
    bool done = false;
    std::vector<std::shared_ptr<Batch>> held;  // the last with rows, and what comes after it
    bool is_started = false;
    uint64_t rows = 0;
    uint64_t copied_rows = 0;
    uint64_t copied_bytes = 0;
    SteadyTime since;

    const TableSchema& schema() const { return *asked->schema; }
  };

  struct Lane {
    explicit Lane(postgres::Connection connection) : copy(std::move(connection)) {}

    TableCopy copy;
    Table* table = nullptr;  // null: free
    KeyChunk chunk;
    bool finds_bounds = false;
  };

  SnapshotReader(SnapshotRequest request, const PostgresConfig& config,
                 postgres::Connection connection);
  Result<void> begin();
  Result<void> look_at_tables();
  uint64_t useful_lanes() const;

  uint64_t chunk_bytes() const { return static_cast<uint64_t>(config_.snapshot_chunk_bytes.value); }

  Error explained(Error error, const Lane& lane) const;
  Result<void> give_work(Lane& lane);
  void begin_table(Table& table);
  Result<void> find_bounds(Lane& lane, Table& table);
  Result<void> take_bound(Lane& lane, std::string_view row);
  void split_chunks(Table& table);
  Result<void> begin_chunk(Lane& lane, Table& table);
  Result<bool> turn(SteadyTime deadline);
  Result<bool> step(Lane& lane, SteadyTime deadline);
  Result<void> end_chunk(Lane& lane);
  void complete_table(Table& table);
  void hold(Table& table, std::shared_ptr<Batch> batch);
  void release(Table& table, std::shared_ptr<Batch> batch);
  void place(Table& table, Batch& batch);
  void place_last(Table& table);
  void give_out_ended();
  void wait(SteadyTime deadline) const;
  Result<void> finish();
  std::vector<SchemaPtr> schemas() const;
  std::shared_ptr<Batch> new_batch(Table& table, uint64_t audience) const;

  SnapshotRequest request_;
  const PostgresConfig config_;
  Offset at_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::deque<Table> tables_;
  size_t tables_read_ = 0;  // and being read
  size_t tables_done_ = 0;
  uint64_t rows_ = 0;
  std::deque<std::shared_ptr<Batch>> ended_;  // of complete tables, since the last rows
  std::optional<Error> failed_;               // told when ready_ has been given
  std::deque<std::shared_ptr<Batch>> ready_;  // to be given
  bool finished_ = false;
};

}  // namespace millrace
